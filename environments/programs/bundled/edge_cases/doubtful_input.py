"""Input that may be empty, odd or wrong."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "safe-division",
        """
        Input: any number of lines (perhaps none), each with two integers a and b.
        Output: for each line `q r` with a = q * b + r, where 0 <= r and r is smaller than the size of b; or
        `undefined` if b is 0.
        """,
        """
        import sys


        def divided(a, b):
            if b == 0:
                return "undefined"
            remainder = a % abs(b)
            quotient = (a - remainder) // b
            return f"{quotient} {remainder}"


        for line in sys.stdin:
            first, second = line.split()
            print(divided(int(first), int(second)))
        """,
        visible=["7 2\n-7 2\n1 0", "7 -2", "0 5"],
        hidden=["", "0 0", "-7 -2\n-6 -2\n6 -2", "1 1000000000000", "-1 10\n1 -10\n-1 -10", "99999999999999999999 3"],
    ),
    Draft(
        "average-of-numbers",
        """
        Input: lines of words separated by spaces, perhaps none. Words that are integers (digits 0 to 9, perhaps with
        one sign + or - in front) are numbers; all others are ignored.
        Output: the average of the numbers with exactly one digit after the point, as Python's `:.1f` writes the
        quotient of sum and count, but never `-0.0`: print `0.0` instead. If there is no number, print `no data`.
        """,
        """
        import sys


        def is_integer(word):
            digits = word[1:] if word[0] in "+-" else word
            return digits.isascii() and digits.isdigit()


        numbers = [int(word) for word in sys.stdin.read().split() if is_integer(word)]
        if len(numbers) == 0:
            print("no data")
        else:
            text = f"{sum(numbers) / len(numbers):.1f}"
            print("0.0" if text == "-0.0" else text)
        """,
        visible=["1 2 4", "a 5 b", "none here"],
        hidden=["", "-1 " + "0 " * 30, "+7 -7 --7 +", "1.5 2", "10\n\n20\n", "- -5 5-", "1000000000 1000000001"],
    ),
    Draft(
        "messy-integers",
        """
        Write `sum_integers(items)`: `items` is a list of any JSON values. Return [sum, skipped]: integers count as
        they are; texts count as the integer they hold if they consist, after removing spaces at both ends, of an
        optional minus sign and one or more digits 0 to 9; everything else (true and false, null, numbers with a
        fraction, lists, objects, other texts) is skipped. `skipped` is the number of skipped items. No number is
        written like 2.0.
        """,
        """
        def sum_integers(items):
            total = skipped = 0
            for item in items:
                if isinstance(item, str):
                    text = item.strip(" ")
                    digits = text[1:] if text.startswith("-") else text
                    if digits.isascii() and digits.isdigit():
                        total += int(text)
                    else:
                        skipped += 1
                elif isinstance(item, int) and not isinstance(item, bool):
                    total += item
                else:
                    skipped += 1
            return [total, skipped]
        """,
        visible=[([1, "2", " 3 ", "x"],), ([True, None, 1.5],), (["-4", 4],)],
        hidden=[
            ([],),
            (["", " ", "-"],),
            (["+5", "5.0", "--5"],),
            ([[1], {"a": 1}, 1],),
            (["007", "-0"],),
            (["1 2", "1_000", "12"],),
            ([False, 0, "0"],),
        ],
        fn_name="sum_integers",
    ),
    Draft(
        "valid-dates",
        """
        Input: any number of lines with one word each. A valid date is written YYYY-MM-DD (four, two and two digits)
        and exists in the Gregorian calendar, years 0001 to 9999: a year is a leap year if it is divisible by 4, but
        not if by 100, except if by 400.
        Output: for each line the number of the day within its year (1 to 366), or `invalid`.
        """,
        """
        import re
        import sys

        DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


        def is_leap(year):
            if year % 400 == 0:
                return True
            return year % 4 == 0 and year % 100 != 0


        def day_of_year(text):
            match = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
            if match is None:
                return "invalid"
            year, month, day = map(int, match.groups())
            if year < 1 or not 1 <= month <= 12:
                return "invalid"
            lengths = list(DAYS)
            if is_leap(year):
                lengths[1] = 29
            if not 1 <= day <= lengths[month - 1]:
                return "invalid"
            return day + sum(lengths[: month - 1])


        for line in sys.stdin:
            print(day_of_year(line.strip()))
        """,
        visible=["2024-02-29\n2023-02-29", "2023-12-31", "2023-1-5\nhello"],
        hidden=[
            "",
            "1900-02-29\n2000-02-29",
            "2024-12-31\n2024-03-01",
            "0000-01-01\n0001-01-01",
            "2023-00-10\n2023-13-10",
            "2023-04-31\n2023-04-30\n2023-04-00",
            "20230101\n2023-01-01x",
            "9999-12-31",
        ],
    ),
    Draft(
        "text-to-integer",
        """
        Write `read_integer(text)`: skip spaces at the front, take an optional sign (+ or -) and then as many digits
        0 to 9 as follow; ignore the rest. Return the integer, limited to the range -2147483648 to 2147483647 (beyond
        it, the nearer end of the range). Return 0 if no digit follows.
        """,
        """
        def read_integer(text):
            text = text.lstrip(" ")
            sign = 1
            i = 0
            if text and text[0] in "+-":
                if text[0] == "-":
                    sign = -1
                i = 1
            value = 0
            while i < len(text) and text[i] in "0123456789":
                value = value * 10 + int(text[i])
                i += 1
            return max(-(2**31), min(2**31 - 1, sign * value))
        """,
        visible=[("42",), ("   -42 apples",), ("words 1",)],
        hidden=[
            ("",),
            ("+",),
            ("+-12",),
            ("2147483648",),
            ("-2147483649",),
            ("00012x3",),
            ("  ",),
            ("- 5",),
            ("9" * 40,),
        ],
        fn_name="read_integer",
    ),
    Draft(
        "durations",
        """
        Write `seconds(text)`: the length of a duration such as "1h30m", "45s" or "2d": numbers (one or more digits
        0 to 9) each followed by a unit d, h, m or s, each unit at most once and in this order, nothing else. Return
        the number of seconds, or -1 if the text is not a duration (the empty text is none).
        """,
        """
        UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


        def seconds(text):
            total = 0
            digits = ""
            smallest = 10**9
            for char in text:
                if char in "0123456789":
                    digits += char
                    continue
                length = UNITS.get(char, 0)
                if not digits or length == 0 or length >= smallest:
                    return -1
                total += int(digits) * length
                smallest = length
                digits = ""
            if digits or not text:
                return -1
            return total
        """,
        visible=[("1h30m",), ("45s",), ("10",)],
        hidden=[("",), ("0s",), ("30m1h",), ("1h1h",), ("1d1h1m1s",), ("h",), ("1H",), ("1h 5m",), ("100m",), ("-5s",)],
        fn_name="seconds",
    ),
    Draft(
        "lookup-path",
        """
        Write `lookup(data, path, default)`: follow a path such as "users.0.name" into nested objects and lists. The
        parts are separated by points; in an object a part is a key, in a list it is an index written with digits 0
        to 9 only. Return the value found (it may be null), or `default` if a step is impossible. The empty path
        leads to `data` itself.
        """,
        """
        def lookup(data, path, default):
            if path == "":
                return data
            for part in path.split("."):
                if isinstance(data, dict):
                    if part not in data:
                        return default
                    data = data[part]
                elif isinstance(data, list):
                    if not (part.isascii() and part.isdigit()) or int(part) >= len(data):
                        return default
                    data = data[int(part)]
                else:
                    return default
            return data
        """,
        visible=[
            ({"users": [{"name": "Ann"}]}, "users.0.name", "?"),
            ({"a": 1}, "b", 0),
            ([1, 2], "1", None),
        ],
        hidden=[
            ({}, "", "d"),
            ({"a": None}, "a", "d"),
            ({"a": None}, "a.b", "d"),
            ([1, 2], "-1", "d"),
            ([1, 2], "2", "d"),
            ({"": {"": 5}}, ".", "d"),
            ({"0": "key"}, "0", "d"),
            ("text", "0", "d"),
        ],
        fn_name="lookup",
    ),
    Draft(
        "unique-names",
        """
        Input: any number of lines, each a name; spaces at its ends do not belong to it. Empty names are skipped.
        Output: the names without repetitions, in the order and the spelling of their first occurrence, one per
        line; names that differ only in case are the same. Then a line with the number of names skipped as
        repetitions (empty ones not counted).
        """,
        """
        import sys

        seen = set()
        repeated = 0
        for line in sys.stdin:
            name = line.strip()
            if not name:
                continue
            if name.lower() in seen:
                repeated += 1
                continue
            seen.add(name.lower())
            print(name)
        print(repeated)
        """,
        visible=["Ann\nBob\nann", "x", "a\n\n  a  \nA"],
        hidden=["", "\n\n\n", "Ann Lee\nann lee\nAnn  Lee", "  lead\ntrail  \nlead", "a\nb\na\nb\na", "ZED\nzed\nZed"],
    ),
    Draft(
        "paragraphs",
        """
        A paragraph is a longest run of neighbouring lines that are not blank; a line is blank if it holds nothing
        but spaces and tabs.

        Input: any text, perhaps empty.
        Output: the number of paragraphs, then for each a line with its number of lines and its number of words
        (longest runs of characters other than spaces, tabs and line ends), separated by a space.
        """,
        """
        import sys

        paragraphs = []
        inside = False
        for line in sys.stdin.read().split("\\n"):
            words = line.split()
            if not words:
                inside = False
                continue
            if not inside:
                paragraphs.append([0, 0])
                inside = True
            paragraphs[-1][0] += 1
            paragraphs[-1][1] += len(words)
        print(len(paragraphs))
        for lines, words in paragraphs:
            print(lines, words)
        """,
        visible=["one two\nthree\n\nfour", "single", "\n\na\n \nb\n"],
        hidden=["", "\n \n\t\n", "a b c\n\n\n\n\nd", "  x  y  \n\tz", "1\n2\n3\n4\n5", "\n\n\nend", "a\n\nb\n\nc\n\n"],
    ),
)
