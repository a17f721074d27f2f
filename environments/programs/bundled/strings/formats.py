"""Texts with a syntax, and texts laid out."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "roman-numerals",
        """
        Write `roman_value(text)`: the value of a Roman numeral of the letters I, V, X, L, C, D, M (1, 5, 10, 50, 100,
        500, 1000) in its usual form, 1 to 3999: a letter before a greater one is subtracted, all others are added.
        Return 0 if the text is not the usual form of any number from 1 to 3999 (such as "IIII", "VX", "iv" or "").
        """,
        """
        PARTS = [
            (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
            (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
        ]


        def usual_form(number):
            text = ""
            for value, letters in PARTS:
                while number >= value:
                    text += letters
                    number -= value
            return text


        def roman_value(text):
            values = {letters: value for value, letters in PARTS if len(letters) == 1}
            total = 0
            for i, letter in enumerate(text):
                value = values.get(letter, 0)
                following = values.get(text[i + 1], 0) if i + 1 < len(text) else 0
                if value < following:
                    total -= value
                else:
                    total += value
            return total if 1 <= total <= 3999 and usual_form(total) == text else 0
        """,
        visible=[("XIV",), ("MCMXCIV",), ("IIII",)],
        hidden=[("",), ("I",), ("iv",), ("VX",), ("MMMCMXCIX",), ("IC",), ("XLII",), ("MMMM",), ("CDXLIV",)],
        fn_name="roman_value",
    ),
    Draft(
        "word-wrap",
        """
        Input: the first line holds a width w (1 <= w <= 80), the second line words separated by spaces.
        Output: the words laid out in lines of at most w characters, separated by single spaces: each line takes as
        many words as fit. A word longer than w stands alone on a line, uncut.
        """,
        """
        width = int(input())
        line = ""
        for word in input().split():
            if not line:
                line = word
            elif len(line) + 1 + len(word) <= width:
                line += " " + word
            else:
                print(line)
                line = word
        if line:
            print(line)
        """,
        visible=["10\nthe quick brown fox", "3\na bc def ghij", "80\nshort"],
        hidden=[
            "1\na b c",
            "5\nab cd ef",
            "5\nincomprehensible is it",
            "11\nhello world again",
            "20\n  many   spaces   in between  ",
            "7\none two three four five six seven",
        ],
    ),
    Draft(
        "pattern-positions",
        """
        Write `positions(text, pattern)`: the indices (from 0) at which the pattern begins in the text, in ascending
        order; occurrences may overlap. The pattern is not empty.
        """,
        """
        def positions(text, pattern):
            fallback = [0] * len(pattern)
            matched = 0
            for i in range(1, len(pattern)):
                while matched > 0 and pattern[i] != pattern[matched]:
                    matched = fallback[matched - 1]
                if pattern[i] == pattern[matched]:
                    matched += 1
                fallback[i] = matched
            found = []
            matched = 0
            for i, char in enumerate(text):
                while matched > 0 and char != pattern[matched]:
                    matched = fallback[matched - 1]
                if char == pattern[matched]:
                    matched += 1
                if matched == len(pattern):
                    found.append(i - matched + 1)
                    matched = fallback[matched - 1]
            return found
        """,
        visible=[("abababa", "aba"), ("hello", "l"), ("abc", "d")],
        hidden=[
            ("", "a"),
            ("a", "a"),
            ("aaaa", "aa"),
            ("abc", "abcd"),
            ("aabaabaaab", "aab"),
            ("Aa", "a"),
            ("xyxyyxyx", "xyx"),
        ],
        fn_name="positions",
    ),
    Draft(
        "compare-versions",
        """
        Write `compare_versions(first, second)`: compare version numbers such as "1.10.2", part by part as integers
        (leading zeros do not matter); missing parts count as 0. Return -1, 0 or 1 if the first is lower than, equal
        to or higher than the second.
        """,
        """
        def compare_versions(first, second):
            left = [int(part) for part in first.split(".")]
            right = [int(part) for part in second.split(".")]
            while len(left) < len(right):
                left.append(0)
            while len(right) < len(left):
                right.append(0)
            for a, b in zip(left, right):
                if a != b:
                    return 1 if a > b else -1
            return 0
        """,
        visible=[("1.10", "1.9"), ("1.0", "1"), ("2.1", "2.1.1")],
        hidden=[
            ("0", "0.0.0"),
            ("1.01", "1.1"),
            ("3", "12"),
            ("1.0.0.1", "1"),
            ("10.0", "9.99.99"),
            ("7.5.2", "7.5.10"),
        ],
        fn_name="compare_versions",
    ),
    Draft(
        "address-check",
        """
        An IPv4 address is four integers from 0 to 255, written with the digits 0 to 9, without leading zeros (a
        single 0 is fine), separated by points, with nothing else before, between or after.

        Input: the first line holds n (1 <= n <= 100), each of the next n lines a text (it may be empty or hold
        spaces).
        Output: for each `valid` or `invalid`; then a line with the number of valid ones.
        """,
        """
        def is_valid(text):
            parts = text.split(".")
            if len(parts) != 4:
                return False
            for part in parts:
                if not part or len(part) > 3:
                    return False
                if any(char not in "0123456789" for char in part):
                    return False
                if int(part) > 255 or (part[0] == "0" and part != "0"):
                    return False
            return True


        n = int(input())
        count = 0
        for _ in range(n):
            if is_valid(input()):
                print("valid")
                count += 1
            else:
                print("invalid")
        print(count)
        """,
        visible=["2\n192.168.1.1\n256.1.1.1", "1\n1.2.3", "2\n0.0.0.0\n01.2.3.4"],
        hidden=[
            "1\n\n",
            "3\n1..2.3\n.1.2.3\n1.2.3.",
            "2\n1.2.3.4.5\n1.2.3.x",
            "3\n 1.2.3.4\n1.2.3.4 \n1. 2.3.4",
            "2\n+1.2.3.4\n-1.2.3.4",
            "2\n255.255.255.255\n1000.1.1.1",
            "1\n00.0.0.0",
        ],
    ),
    Draft(
        "csv-fields",
        """
        Input: one line of comma-separated fields. A field that begins with `"` goes on to the closing `"`, may hold
        commas, and holds a doubled `""` for each quote character in it; it is followed by a comma or the end of the
        line. Other fields hold no quote characters and are taken as they are, spaces included.
        Output: the number of fields, then each field on a line of its own between `<` and `>`.
        """,
        """
        import sys


        def fields_of(line):
            fields = []
            i = 0
            while True:
                field = ""
                if i < len(line) and line[i] == '"':
                    i += 1
                    while line[i] != '"' or line[i + 1 : i + 2] == '"':
                        field += line[i]
                        i += 2 if line[i] == '"' else 1
                    i += 1
                else:
                    while i < len(line) and line[i] != ",":
                        field += line[i]
                        i += 1
                fields.append(field)
                if i >= len(line):
                    return fields
                i += 1


        fields = fields_of(sys.stdin.readline().rstrip("\\n"))
        print(len(fields))
        for field in fields:
            print("<" + field + ">")
        """,
        visible=["a,b,c", 'one,"two, three"', '"say ""hi""",x'],
        hidden=["\n", ",", "a,,b", '""', '"",""', " a , b ", '"a,b,""c"""', 'x,"""",y'],
    ),
    Draft(
        "fill-template",
        """
        Write `fill(template, values)`: replace each placeholder `{name}` by the value of the name in the object
        `values` (all values are texts). A name is a non-empty run of letters, digits and underscores. A placeholder
        whose name is not in `values` stays as it is. `{{` stands for `{` and `}}` for `}`; read from left to right,
        doubled braces first. Any other brace stays as it is. Values are not searched for placeholders.
        """,
        """
        def fill(template, values):
            result = ""
            i = 0
            while i < len(template):
                pair = template[i : i + 2]
                if pair == "{{" or pair == "}}":
                    result += pair[0]
                    i += 2
                    continue
                end = template.find("}", i)
                if template[i] == "{" and end > 0:
                    name = template[i + 1 : end]
                    if name.replace("_", "a").isalnum() and name in values:
                        result += values[name]
                        i = end + 1
                        continue
                result += template[i]
                i += 1
            return result
        """,
        visible=[
            ("Hi {name}!", {"name": "Ann"}),
            ("{{x}} {x}", {"x": "1"}),
            ("{missing}", {}),
        ],
        hidden=[
            ("", {"a": "b"}),
            ("{a}{b}{a}", {"a": "x", "b": "{a}"}),
            ("{ a } {}", {"a": "1", "": "2", " a ": "3"}),
            ("open { and } close", {"and": "x"}),
            ("{{{a}}}", {"a": "v"}),
            ("{first_1} {first", {"first_1": "ok", "first": "no"}),
            ("}}{{", {}),
        ],
        fn_name="fill",
    ),
    Draft(
        "wildcard-match",
        """
        Write `matches(pattern, text)`: whether the whole text fits the pattern, in which `?` stands for any single
        character, `*` for any run of characters (also none), and every other character for itself. Both have at
        most 100 characters. Return true or false.
        """,
        """
        def matches(pattern, text):
            known = {}

            def fits(i, j):
                if i == len(pattern):
                    return j == len(text)
                if (i, j) not in known:
                    if pattern[i] == "*":
                        known[(i, j)] = fits(i + 1, j) or (j < len(text) and fits(i, j + 1))
                    else:
                        same = j < len(text) and pattern[i] in ("?", text[j])
                        known[(i, j)] = same and fits(i + 1, j + 1)
                return known[(i, j)]

            return fits(0, 0)
        """,
        visible=[("a*c", "abbc"), ("?at", "cat"), ("a?", "a")],
        hidden=[
            ("", ""),
            ("", "a"),
            ("*", ""),
            ("?", ""),
            ("**a*", "banana"),
            ("*ab", "aaab"),
            ("a.c", "abc"),
            ("*a*b*c*d", "a" * 20 + "b" * 20 + "c"),
        ],
        fn_name="matches",
    ),
    Draft(
        "text-table",
        """
        Input: the first line holds n (1 <= n <= 100), each of the next n lines a name (a word) and an integer.
        Output: a table. Each line holds a name, padded with points on its right to the length of the longest name,
        then one point, then the integer, padded with points on its left to the length of the longest integer (its
        minus sign counted). A line of `=` as long as a line of the table follows, then the sum of the integers,
        padded with points on its left to that same length (if it is longer, it is printed as it is).
        """,
        """
        n = int(input())
        rows = []
        for _ in range(n):
            name, number = input().split()
            rows.append((name, int(number)))
        name_width = max(len(name) for name, _ in rows)
        number_width = max(len(str(number)) for _, number in rows)
        for name, number in rows:
            print(name.ljust(name_width, ".") + "." + str(number).rjust(number_width, "."))
        width = name_width + 1 + number_width
        print("=" * width)
        total = sum(number for _, number in rows)
        print(str(total).rjust(width, "."))
        """,
        visible=["2\ntea 3\ncoffee 12", "1\nx 5", "3\na 1\nbb -20\nccc 300"],
        hidden=[
            "1\nlonger 0",
            "2\na -1\nb 1",
            "2\na 9\nb 9",
            "3\none 1000000\ntwo 1\nthree -1000001",
            "4\nw 5\nx 50\ny 500\nz 5000",
            "12\n" + "\n".join(f"{c} 99" for c in "abcdefghijkl"),
        ],
    ),
)
