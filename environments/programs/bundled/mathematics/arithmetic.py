"""Residues, fractions, powers and counting."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "modular-power",
        """
        Write `power_mod(base, exponent, modulus)`: base ** exponent modulo modulus, a number from 0 to modulus - 1.
        base is any integer, 0 <= exponent <= 10**18, 1 <= modulus <= 10**9. 0 ** 0 counts as 1.
        """,
        """
        def power_mod(base, exponent, modulus):
            result = 1 % modulus
            base %= modulus
            while exponent > 0:
                if exponent & 1:
                    result = result * base % modulus
                base = base * base % modulus
                exponent >>= 1
            return result
        """,
        visible=[(2, 10, 1000), (3, 0, 7), (-2, 3, 5)],
        hidden=[(0, 0, 5), (7, 3, 1), (0, 0, 1), (0, 9, 13), (10, 10**18, 999999937), (-1, 10**17 + 1, 10), (5, 1, 6)],
        fn_name="power_mod",
    ),
    Draft(
        "base-conversion",
        """
        Input: one line with a number and two bases (2 to 36): the number is written in the first base. Digits above
        9 are letters, in either case; a minus sign may stand in front.
        Output: the number in the second base, with capital letters, without leading zeros; zero is `0`.
        """,
        """
        DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


        def written(value, base):
            if value < base:
                return DIGITS[value]
            return written(value // base, base) + DIGITS[value % base]


        text, source, target = input().split()
        value = int(text, int(source))
        sign = "-" if value < 0 else ""
        print(sign + written(abs(value), int(target)))
        """,
        visible=["255 10 16", "1010 2 10", "-7 10 2"],
        hidden=[
            "0 10 2",
            "-0 8 16",
            "zz 36 2",
            "Ff 16 36",
            "000123 4 4",
            "35 10 36",
            "36 10 36",
            "123456789abcdef 16 10",
        ],
    ),
    Draft(
        "binomial-modulo",
        """
        Write `choose(n, k)`: the number of ways to choose k out of n different things, modulo 1000000007.
        n and k are integers from -10 to 2000; the answer is 0 where k < 0, n < 0 or k > n.
        """,
        """
        MODULUS = 1_000_000_007


        def choose(n, k):
            if k < 0 or n < 0 or k > n:
                return 0
            row = [1] + [0] * k
            for _ in range(n):
                for j in range(k, 0, -1):
                    row[j] = (row[j] + row[j - 1]) % MODULUS
            return row[k]
        """,
        visible=[(5, 2), (4, 0), (3, 5)],
        hidden=[(0, 0), (-1, 0), (5, -1), (10, 10), (40, 20), (200, 100), (300, 3), (1, 1)],
        fn_name="choose",
    ),
    Draft(
        "fraction-sum",
        """
        Input: the first line holds n (1 <= n <= 100), each of the next n lines a fraction `a/b` (integers, b is not
        0, either may be negative).
        Output: the sum of all, reduced to lowest terms: `p/q` with q > 1, or just `p` if the sum is an integer. A
        negative sum has its sign in front.
        """,
        """
        from math import gcd

        n = int(input())
        top, bottom = 0, 1
        for _ in range(n):
            a, b = map(int, input().split("/"))
            top = top * b + a * bottom
            bottom *= b
            shared = gcd(top, bottom)
            top //= shared
            bottom //= shared
        if bottom < 0:
            top, bottom = -top, -bottom
        print(top if bottom == 1 else f"{top}/{bottom}")
        """,
        visible=["2\n1/2\n1/3", "2\n1/2\n1/2", "1\n-3/6"],
        hidden=[
            "1\n0/5",
            "1\n3/-4",
            "2\n1/3\n-1/3",
            "3\n1/2\n1/4\n1/8",
            "1\n-6/-4",
            "4\n1/97\n1/89\n1/83\n1/79",
            "2\n7/1\n1/7",
        ],
    ),
    Draft(
        "modular-inverse",
        """
        Write `inverse(a, m)`: the number x with 0 <= x < m and a * x leaving the remainder 1 when divided by m; -1
        if there is none. a is any integer, 2 <= m <= 10**12.
        """,
        """
        def bezout(a, b):
            if b == 0:
                return a, 1, 0
            divisor, x, y = bezout(b, a % b)
            return divisor, y, x - a // b * y


        def inverse(a, m):
            divisor, x, _ = bezout(a % m, m)
            if divisor != 1:
                return -1
            return x % m
        """,
        visible=[(3, 11), (2, 4), (-3, 7)],
        hidden=[(1, 2), (0, 5), (10, 17), (6, 9), (123456789, 10**9 + 7), (-1, 10**12), (22, 7)],
        fn_name="inverse",
    ),
    Draft(
        "happy-number",
        """
        Replace a number by the sum of the squares of its digits, again and again. The number is happy if this
        reaches 1.

        Input: two integers a and b on one line (1 <= a <= b <= 100000).
        Output: the happy numbers from a to b, both included, at most the first ten of them, separated by single
        spaces, or `none`.
        """,
        """
        def is_happy(number):
            seen = set()
            while number != 1 and number not in seen:
                seen.add(number)
                total = 0
                while number > 0:
                    number, digit = divmod(number, 10)
                    total += digit * digit
                number = total
            return number == 1


        low, high = map(int, input().split())
        found = []
        number = low
        while number <= high and len(found) < 10:
            if is_happy(number):
                found.append(number)
            number += 1
        print(*found or ["none"])
        """,
        visible=["1 20", "2 6", "7 7"],
        hidden=["1 1", "4 4", "1 100", "33 43", "99990 100000", "50 67", "1000 1100"],
    ),
    Draft(
        "chinese-remainder",
        """
        Write `find_number(conditions)`: `conditions` is a list of pairs [remainder, modulus] (0 <= remainder <
        modulus). Return the smallest integer x >= 0 that leaves each remainder when divided by its modulus, or -1
        if there is none. With no condition the answer is 0. The least common multiple of all moduli is at most
        10**9, each modulus at most 1000.
        """,
        """
        from math import gcd


        def find_number(conditions):
            x, step = 0, 1
            for remainder, modulus in conditions:
                tries = 0
                while x % modulus != remainder:
                    x += step
                    tries += 1
                    if tries > modulus:
                        return -1
                step = step * modulus // gcd(step, modulus)
            return x
        """,
        visible=[([[2, 3], [3, 5], [2, 7]],), ([[1, 2], [0, 2]],), ([[4, 9]],)],
        hidden=[
            ([],),
            ([[0, 1]],),
            ([[1, 4], [3, 6]],),
            ([[1, 4], [2, 6]],),
            ([[5, 6], [5, 6]],),
            ([[0, 7], [0, 11], [0, 13]],),
            ([[996, 997], [990, 991]],),
        ],
        fn_name="find_number",
    ),
    Draft(
        "integer-partitions",
        """
        In how many ways can n be written as a sum of positive integers, where the order does not matter and no part
        is greater than m? The empty sum counts: 0 can be written in exactly one way.

        Input: n and m on one line (0 <= n <= 200, 0 <= m <= 200).
        Output: the number of ways.
        """,
        """
        from functools import lru_cache


        @lru_cache(maxsize=None)
        def ways(n, largest):
            if n == 0:
                return 1
            if n < 0 or largest == 0:
                return 0
            return ways(n - largest, largest) + ways(n, largest - 1)


        n, largest = map(int, input().split())
        print(ways(n, largest))
        """,
        visible=["5 5", "5 2", "3 0"],
        hidden=["0 0", "1 1", "4 1", "6 10", "10 3", "100 100", "200 7"],
    ),
    Draft(
        "integer-root",
        """
        Write `integer_root(n, k)`: the greatest integer r with r ** k <= n. 0 <= n <= 10**60, 1 <= k <= 60.
        """,
        """
        def integer_root(n, k):
            low, high = 0, 1
            while high**k <= n:
                high *= 2
            while high - low > 1:
                middle = (low + high) // 2
                if middle**k <= n:
                    low = middle
                else:
                    high = middle
            return low
        """,
        visible=[(26, 2), (27, 3), (10, 1)],
        hidden=[(0, 2), (1, 60), (15, 4), (16, 4), (10**60, 2), (10**60 - 1, 2), (10**60, 59), (99, 2)],
        fn_name="integer_root",
    ),
)
