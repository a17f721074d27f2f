"""First, last, none and one too many."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "second-largest",
        """
        Write `second_largest(values)`: the greatest value that is smaller than the greatest value of the list, or
        null (None) if there is none.
        """,
        """
        def second_largest(values):
            largest = second = None
            for value in values:
                if largest is None or value > largest:
                    largest, second = value, largest
                elif value < largest and (second is None or value > second):
                    second = value
            return second
        """,
        visible=[([3, 1, 2],), ([5, 5],), ([4, 4, 3],)],
        hidden=[([],), ([1],), ([-1, -2],), ([2, 1, 2, 1],), ([1, 2, 3, 3, 3],), ([0, -5, 0, -7],), ([10, 9, 8],)],
        fn_name="second_largest",
    ),
    Draft(
        "page-bounds",
        """
        A list of `total` entries is shown in pages of `size` entries; pages and entries are counted from 1.
        Write `page_bounds(total, size, page)`: return [first, last], the numbers of the first and the last entry on
        the page, or an empty list if there is no such page (page is below 1 or behind the last one; with no entries
        there are no pages). total >= 0, size >= 1.
        """,
        """
        def page_bounds(total, size, page):
            pages = (total + size - 1) // size
            if page < 1 or page > pages:
                return []
            first = (page - 1) * size + 1
            last = min(page * size, total)
            return [first, last]
        """,
        visible=[(25, 10, 3), (20, 10, 3), (5, 10, 1)],
        hidden=[
            (0, 10, 1),
            (10, 10, 1),
            (10, 10, 2),
            (11, 10, 2),
            (1, 1, 1),
            (7, 3, 0),
            (7, 3, -1),
            (1000000, 1, 1000000),
        ],
        fn_name="page_bounds",
    ),
    Draft(
        "rotate-list",
        """
        Input: the first line holds n and k (0 <= n <= 1000, k any integer up to 10**12 in size), the second line n
        words (the line is empty if n is 0).
        Output: the words after moving them k places to the right, those that fall off the end coming in again at
        the front (to the left if k is negative); one line, separated by single spaces.
        """,
        """
        n, k = map(int, input().split())
        words = input().split() if n > 0 else []
        if words:
            k %= n
            words = words[n - k :] + words[: n - k]
        print(" ".join(words))
        """,
        visible=["5 2\na b c d e", "3 -1\nx y z", "4 0\np q r s"],
        hidden=[
            "0 5\n\n",
            "1 999\nonly",
            "3 3\n1 2 3",
            "3 7\n1 2 3",
            "4 -1000000000001\na b c d",
            "2 1\nleft right",
            "5 -5\n5 4 3 2 1",
        ],
    ),
    Draft(
        "split-into-chunks",
        """
        Write `chunks(values, parts)`: cut the list into exactly `parts` (>= 1) consecutive pieces whose lengths
        differ by at most 1, the longer ones first. Pieces may be empty. Return the list of pieces.
        """,
        """
        def chunks(values, parts):
            size, longer = divmod(len(values), parts)
            pieces = []
            start = 0
            for i in range(parts):
                end = start + size
                if i < longer:
                    end += 1
                pieces.append(values[start:end])
                start = end
            return pieces
        """,
        visible=[([1, 2, 3, 4, 5], 2), ([1, 2], 3), ([1, 2, 3, 4], 4)],
        hidden=[([], 1), ([], 2), ([7], 1), ([1, 2, 3, 4, 5, 6, 7, 8], 3), (["a", "b", "c"], 2), (list(range(10)), 4)],
        fn_name="chunks",
    ),
    Draft(
        "grade-letters",
        """
        Points are graded: 90 and more A, 80 and more B, 70 and more C, 60 and more D, less F. What is no number
        from 0 to 100 is `?`. A number is written as digits, perhaps followed by a point and more digits.

        Input: one line of words separated by spaces.
        Output: the grades of the words on one line, without spaces; then on the next line the number of words that
        got A to D.
        """,
        """
        import re


        def grade(word):
            if not re.fullmatch(r"[0-9]+(\\.[0-9]+)?", word):
                return "?"
            points = float(word)
            if points > 100:
                return "?"
            for letter, least in (("A", 90), ("B", 80), ("C", 70), ("D", 60)):
                if points >= least:
                    return letter
            return "F"


        grades = [grade(word) for word in input().split()]
        print("".join(grades))
        passed = 0
        for letter in grades:
            if letter in "ABCD":
                passed += 1
        print(passed)
        """,
        visible=["95 80 79 60", "0 100 101", "89.9 90.0"],
        hidden=["\n", "59.99 60 69 70", "-1 +5 1e2", "100.0 100.01", "abc 7o 70", ".5 5.", "007 090"],
    ),
    Draft(
        "longest-plateau",
        """
        Write `plateau(values)`: find the longest run of equal neighbouring values. Return [start, length], start
        counted from 0; of equally long runs take the first. For an empty list return [-1, 0].
        """,
        """
        def plateau(values):
            best_start, best_length = -1, 0
            start = 0
            while start < len(values):
                end = start + 1
                while end < len(values) and values[end] == values[start]:
                    end += 1
                if end - start > best_length:
                    best_start, best_length = start, end - start
                start = end
            return [best_start, best_length]
        """,
        visible=[([1, 1, 2, 2, 2, 3],), ([1, 2, 3],), ([4, 4],)],
        hidden=[
            ([],),
            ([9],),
            ([1, 1, 2, 2],),
            ([1, 2, 2],),
            ([0, 0, 0, 1, 0, 0, 0, 0],),
            (["a", "A", "A"],),
            ([-1, -1, 1, -1],),
        ],
        fn_name="plateau",
    ),
    Draft(
        "missing-numbers",
        """
        A list should hold each of the numbers 1 to n exactly once.

        Input: the first line holds n (1 <= n <= 1000), the second line any number of integers (perhaps none; the
        line is then empty).
        Output: three lines: `missing` followed by the numbers from 1 to n that do not occur, `twice` followed by
        the numbers from 1 to n that occur more than once, `foreign` followed by the different other numbers. Each in
        ascending order, separated by single spaces; a line without numbers holds only its word.
        """,
        """
        n = int(input())
        counts = {}
        for word in input().split():
            number = int(word)
            counts[number] = counts.get(number, 0) + 1
        missing, twice = [], []
        for number in range(1, n + 1):
            occurring = counts.pop(number, 0)
            if occurring == 0:
                missing.append(number)
            elif occurring > 1:
                twice.append(number)
        print("missing", *missing)
        print("twice", *twice)
        print("foreign", *sorted(counts))
        """,
        visible=["5\n1 2 2 4 6", "3\n3 1 2", "2\n7 7 0"],
        hidden=["1\n\n", "1\n1", "1\n2", "4\n4 4 4 4", "3\n-1 0 1 2 3 4", "5\n5 1", "10\n10 9 8 7 6 5 4 3 2 10"],
    ),
    Draft(
        "compress-ranges",
        """
        Write `compress(numbers)`: list the different numbers in ascending order as a text, in which three or more
        consecutive integers are shortened to "first..last"; parts are separated by commas, without spaces.
        [1, 2, 3, 5, 6] becomes "1..3,5,6". For an empty list return the empty text.
        """,
        """
        def compress(numbers):
            ordered = sorted(set(numbers))
            parts = []
            i = 0
            while i < len(ordered):
                j = i
                while j + 1 < len(ordered) and ordered[j + 1] == ordered[j] + 1:
                    j += 1
                if j - i >= 2:
                    parts.append(f"{ordered[i]}..{ordered[j]}")
                else:
                    parts.extend(str(number) for number in ordered[i : j + 1])
                i = j + 1
            return ",".join(parts)
        """,
        visible=[([1, 2, 3, 5, 6],), ([9, 7, 8],), ([4],)],
        hidden=[([],), ([1, 2],), ([2, 2, 2],), ([-3, -2, -1, 0],), ([1, 3, 5],), ([10, 1, 2, 11, 12, 3],), ([-1, 1],)],
        fn_name="compress",
    ),
    Draft(
        "mountain-peaks",
        """
        A peak is a number that is greater than its neighbours; the first and the last number have one neighbour
        only, a single number has none and is a peak. Equal neighbours make no peak.

        Input: one line of integers (perhaps none).
        Output: the positions of the peaks, counted from 1, separated by single spaces, or `flat` if there is none.
        """,
        """
        heights = [int(word) for word in input().split()]
        peaks = []
        for i in range(len(heights)):
            if i > 0 and heights[i - 1] >= heights[i]:
                continue
            if i < len(heights) - 1 and heights[i + 1] >= heights[i]:
                continue
            peaks.append(i + 1)
        print(" ".join(map(str, peaks)) or "flat")
        """,
        visible=["1 3 2", "5 4 3 4 5", "2 2"],
        hidden=["\n", "7", "1 2", "2 1", "1 2 2 1", "-5 -1 -9 -1 -5", "3 1 3 1 3 3", "1 2 3 4 5 6 7 8 9 8"],
    ),
)
