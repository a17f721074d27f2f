"""Matrices, polynomials, statistics and plane geometry."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "matrix-product",
        """
        Input: the first line holds a, b, c (1 to 30), then come a lines with b integers (the first matrix) and b
        lines with c integers (the second matrix).
        Output: the product of the two, a lines with c integers each, separated by single spaces.
        """,
        """
        a, b, c = map(int, input().split())
        first = [list(map(int, input().split())) for _ in range(a)]
        second = [list(map(int, input().split())) for _ in range(b)]
        for i in range(a):
            line = []
            for j in range(c):
                total = 0
                for k in range(b):
                    total += first[i][k] * second[k][j]
                line.append(total)
            print(*line)
        """,
        visible=["2 2 2\n1 2\n3 4\n5 6\n7 8", "1 3 1\n1 2 3\n4\n5\n6", "2 1 2\n1\n2\n3 4"],
        hidden=[
            "1 1 1\n-3\n7",
            "2 2 2\n1 0\n0 1\n9 8\n7 6",
            "3 2 1\n1 2\n3 4\n5 6\n0\n-1",
            "1 4 2\n1 1 1 1\n1 2\n3 4\n5 6\n7 8",
            "2 3 2\n0 0 0\n0 0 0\n1 2\n3 4\n5 6",
            "2 2 1\n1000000 1000000\n-1000000 1\n1000000\n1000000",
        ],
    ),
    Draft(
        "determinant",
        """
        Write `determinant(matrix)`: the determinant of a square matrix of integers (1 to 7 rows), as an exact
        integer.
        """,
        """
        def determinant(matrix):
            if len(matrix) == 1:
                return matrix[0][0]
            total = 0
            sign = 1
            for column, factor in enumerate(matrix[0]):
                if factor != 0:
                    smaller = [row[:column] + row[column + 1 :] for row in matrix[1:]]
                    total += sign * factor * determinant(smaller)
                sign = -sign
            return total
        """,
        visible=[([[1, 2], [3, 4]],), ([[5]],), ([[2, 0, 1], [1, 3, 2], [1, 1, 1]],)],
        hidden=[
            ([[0]],),
            ([[1, 2], [2, 4]],),
            ([[0, 1], [1, 0]],),
            ([[1, 0, 0], [0, 1, 0], [0, 0, 1]],),
            ([[10**9, 1], [1, 10**9]],),
            ([[0, 0, 2, 1], [1, 5, 0, 3], [4, 2, 1, 0], [0, 1, 1, 1]],),
            ([[i * j % 7 + (i == j) for j in range(6)] for i in range(6)],),
        ],
        fn_name="determinant",
    ),
    Draft(
        "quadratic-roots",
        """
        Find the integer solutions of a*x*x + b*x + c = 0.

        Input: a, b and c on one line (integers, at most 10**9 in size; a may be 0).
        Output: `all` if every integer is a solution; else the different integer solutions in ascending order,
        separated by single spaces, or `none`.
        """,
        """
        from math import isqrt


        def integer_solutions(a, b, c):
            if a == 0:
                if b == 0:
                    return [] if c else None
                return [-c // b] if c % b == 0 else []
            inner = b * b - 4 * a * c
            if inner < 0:
                return []
            root = isqrt(inner)
            if root * root != inner:
                return []
            found = set()
            for top in (-b - root, -b + root):
                if top % (2 * a) == 0:
                    found.add(top // (2 * a))
            return sorted(found)


        a, b, c = map(int, input().split())
        found = integer_solutions(a, b, c)
        if found is None:
            print("all")
        elif not found:
            print("none")
        else:
            print(*found)
        """,
        visible=["1 -3 2", "1 2 1", "0 0 0"],
        hidden=["1 0 1", "0 2 -6", "0 2 5", "0 0 4", "2 -3 1", "-1 0 9", "1 0 -2", "1 -999999999 0", "4 0 -1"],
    ),
    Draft(
        "pascal-row",
        """
        Write `pascal_row(n)`: row n of Pascal's triangle as a list of integers; row 0 is [1], and each number of
        another row is the sum of the two above it. 0 <= n <= 200.
        """,
        """
        def pascal_row(n):
            if n == 0:
                return [1]
            above = pascal_row(n - 1)
            row = [1]
            for i in range(1, len(above)):
                row.append(above[i - 1] + above[i])
            row.append(1)
            return row
        """,
        visible=[(0,), (2,), (4,)],
        hidden=[(1,), (3,), (5,), (7,), (10,), (20,), (60,)],
        fn_name="pascal_row",
    ),
    Draft(
        "statistics",
        """
        Input: one line with at least one integer.
        Output: three lines: `mean M` with exactly two digits after the point (written as Python's `:.2f` writes the
        quotient of the sum and the count), `median M` with exactly one digit after the point (for an even count the
        mean of the two middle numbers), and `mode M`: the most frequent number, the smallest one if several are
        equally frequent.
        """,
        """
        values = sorted(map(int, input().split()))
        mean = sum(values) / len(values)
        middle = len(values) // 2
        if len(values) % 2 == 1:
            median = values[middle]
        else:
            median = (values[middle - 1] + values[middle]) / 2
        counts = {}
        for value in values:
            counts[value] = counts.get(value, 0) + 1
        mode = values[0]
        for value in values:
            if counts[value] > counts[mode]:
                mode = value
        print(f"mean {mean:.2f}")
        print(f"median {median:.1f}")
        print("mode", mode)
        """,
        visible=["1 2 2 3 10", "4 1", "7"],
        hidden=["0 0 0 0", "-5 -1 -1 -5 3", "3 2 1", "1 1 2 2", "100 -100 50", "1 2 4", "9 8 7 6 5 4 3 2 1 0 9"],
    ),
    Draft(
        "polynomial",
        """
        Input: the first line holds the coefficients of a polynomial, highest power first (integers, at least one);
        the second line an integer x.
        Output: two lines: the value at x, and the coefficients of the derivative, highest power first, separated by
        single spaces, without leading zeros (`0` for the zero polynomial). The first coefficient may be 0.
        """,
        """
        coefficients = list(map(int, input().split()))
        x = int(input())
        value = 0
        for coefficient in coefficients:
            value = value * x + coefficient
        degree = len(coefficients) - 1
        derivative = []
        for position in range(degree):
            derivative.append(coefficients[position] * (degree - position))
        while derivative and derivative[0] == 0:
            derivative.pop(0)
        print(value)
        print(*derivative or [0])
        """,
        visible=["1 2 3\n2", "5\n100", "0 0 4 1\n-1"],
        hidden=["0\n0", "1 0 0 0\n-3", "0 7\n9", "3 -1\n0", "2 0 0 1 0\n10", "1 1 1 1 1 1 1\n1000"],
    ),
    Draft(
        "polygon",
        """
        The corners of a polygon with integer coordinates are given in order around it; its sides do not cross.

        Input: the first line holds n (3 <= n <= 100), each of the next n lines the x and y of a corner.
        Output: twice its area (an integer), then `left` if the corners go round counterclockwise, `right` if
        clockwise, or `flat` if the area is 0; separated by a space. The y axis points upwards.
        """,
        """
        n = int(input())
        corners = [tuple(map(int, input().split())) for _ in range(n)]
        doubled = 0
        for i in range(n):
            x1, y1 = corners[i]
            x2, y2 = corners[(i + 1) % n]
            doubled += x1 * y2 - x2 * y1
        if doubled > 0:
            turn = "left"
        elif doubled < 0:
            turn = "right"
        else:
            turn = "flat"
        print(abs(doubled), turn)
        """,
        visible=["3\n0 0\n4 0\n0 3", "4\n0 0\n0 2\n2 2\n2 0", "3\n0 0\n1 1\n2 2"],
        hidden=[
            "3\n-1 -1\n-1 -4\n-5 -1",
            "4\n1 1\n5 1\n5 4\n1 4",
            "5\n0 0\n4 0\n4 4\n2 1\n0 4",
            "3\n1000000 0\n0 1000000\n-1000000 0",
            "4\n0 0\n2 0\n4 0\n2 0",
            "6\n0 0\n0 1\n1 1\n1 2\n2 2\n2 0",
        ],
    ),
    Draft(
        "triangle-kind",
        """
        Three integers are the lengths of the sides of a triangle if each is positive and smaller than the sum of
        the other two.

        Input: the first line holds n (1 <= n <= 100), each of the next n lines three integers.
        Output: for each a line: `no triangle`, or the words for its sides and its greatest angle: `equilateral`,
        `isosceles` (exactly two equal) or `scalene`, then `acute`, `right` or `obtuse`; separated by a space.
        """,
        """
        def describe(sides):
            a, b, c = sorted(sides)
            if a <= 0 or a + b <= c:
                return "no triangle"
            different = len({a, b, c})
            if different == 1:
                shape = "equilateral"
            elif different == 2:
                shape = "isosceles"
            else:
                shape = "scalene"
            square = a * a + b * b
            if square > c * c:
                return shape + " acute"
            if square == c * c:
                return shape + " right"
            return shape + " obtuse"


        n = int(input())
        for _ in range(n):
            print(describe([int(word) for word in input().split()]))
        """,
        visible=["2\n3 4 5\n1 1 2", "1\n2 2 2", "2\n2 2 3\n0 1 1"],
        hidden=[
            "1\n-3 -3 -3",
            "3\n5 3 4\n13 12 5\n4 5 6",
            "2\n1 2 3\n3 1 2",
            "3\n7 7 1\n1 7 7\n7 1 7",
            "1\n1000000000 1000000000 1999999999",
            "2\n2 3 4\n10 6 8",
            "1\n0 0 0",
        ],
    ),
    Draft(
        "magic-square",
        """
        Write `magic_sum(square)`: `square` is a list of n rows with n integers each (n >= 1). If all rows, all
        columns and both diagonals have the same sum, return that sum, else null (None).
        """,
        """
        def magic_sum(square):
            n = len(square)
            wanted = sum(square[0])
            falling = rising = 0
            for i in range(n):
                if sum(square[i]) != wanted:
                    return None
                if sum(row[i] for row in square) != wanted:
                    return None
                falling += square[i][i]
                rising += square[i][n - 1 - i]
            if falling != wanted or rising != wanted:
                return None
            return wanted
        """,
        visible=[([[2, 7, 6], [9, 5, 1], [4, 3, 8]],), ([[1, 2], [3, 4]],), ([[7]],)],
        hidden=[
            ([[0, 0], [0, 0]],),
            ([[1, 2], [2, 1]],),
            ([[1, 2, 3], [2, 3, 1], [3, 1, 2]],),
            ([[-3, 2, 1], [4, 0, -4], [-1, -2, 3]],),
            ([[16, 3, 2, 13], [5, 10, 11, 8], [9, 6, 7, 12], [4, 15, 14, 1]],),
            ([[16, 3, 2, 13], [5, 10, 11, 8], [9, 6, 7, 12], [4, 15, 1, 14]],),
            ([[5, 5], [5, 5]],),
        ],
        fn_name="magic_sum",
    ),
)
