"""Words: counting, comparing and rewriting them."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "anagram-groups",
        """
        Input: one line of words (lower-case letters), separated by single spaces.
        Output: the words in groups: words with the same letters, each equally often, belong together. A group is
        printed on one line, its words in the order of the input (repeated words are repeated); groups are ordered by
        their first word's place in the input.
        """,
        """
        groups = {}
        for word in input().split():
            key = "".join(sorted(word))
            if key not in groups:
                groups[key] = []
            groups[key].append(word)
        for words in groups.values():
            print(" ".join(words))
        """,
        visible=["eat tea tan ate nat bat", "a", "ab ba ab"],
        hidden=[
            "abc",
            "aab abb bba aba",
            "x y z",
            "stop pots tops opts post spot",
            "aa a aaa a",
            "listen silent enlist inlets google",
        ],
    ),
    Draft(
        "word-frequencies",
        """
        Input: any number of lines of text.
        Output: every word with the number of its occurrences, one `word count` per line, in the order of character
        codes of the words. A word is a longest run of the letters A to Z and a to z and apostrophes (') that holds
        at least one letter; it is written in lower case, with apostrophes at its ends removed. If there is no word,
        print nothing.
        """,
        """
        import re
        import sys

        counts = {}
        for run in re.findall(r"[a-z']+", sys.stdin.read().lower()):
            word = run.strip("'")
            if word:
                counts[word] = counts.get(word, 0) + 1
        for word in sorted(counts):
            print(word, counts[word])
        """,
        visible=["The cat and the hat.", "Don't! don't 'don't'", "a\nb\na"],
        hidden=[
            "",
            "123 456",
            "''' ' '",
            "It's its IT'S",
            "well-known well",
            "x1y x 1",
            "one\n\n  two\tone\nTWO three",
        ],
    ),
    Draft(
        "distinct-stretch",
        """
        Write `distinct_stretch(text)`: the longest stretch of neighbouring characters in which no character occurs
        twice; if several are equally long, the first of them.
        """,
        """
        def distinct_stretch(text):
            last_at = {}
            start = 0
            best = ""
            for i, char in enumerate(text):
                if char in last_at and last_at[char] >= start:
                    start = last_at[char] + 1
                last_at[char] = i
                if i - start + 1 > len(best):
                    best = text[start : i + 1]
            return best
        """,
        visible=[("abcabcbb",), ("bbbb",), ("pwwkew",)],
        hidden=[("",), (" ",), ("abba",), ("aAbBaA",), ("dvdf",), ("tmmzuxt",), ("abcdefghijklmnopqrstuvwxyza",)],
        fn_name="distinct_stretch",
    ),
    Draft(
        "common-prefix",
        """
        Write `common_prefix(words)`: the longest text that every word of the list begins with. For an empty list
        return the empty text. Case matters.
        """,
        """
        def common_prefix(words):
            if not words:
                return ""
            prefix = words[0]
            for word in words[1:]:
                while not word.startswith(prefix):
                    prefix = prefix[:-1]
            return prefix
        """,
        visible=[(["flower", "flow", "flight"],), (["dog", "car"],), (["same", "same"],)],
        hidden=[
            ([],),
            (["alone"],),
            (["", "a"],),
            (["ab", "abc", "a"],),
            (["Ab", "ab"],),
            (["prefix", "pre", "preach"],),
        ],
        fn_name="common_prefix",
    ),
    Draft(
        "title-case",
        """
        Write a heading in title case: the first letter of each word is a capital, all others are small. The words
        a, an, and, at, by, for, in, of, on, or, the, to are written small, unless first or last in the heading.

        Input: one line of words (letters and apostrophes only), separated by one or more spaces.
        Output: the heading, words separated by single spaces.
        """,
        """
        SMALL = {"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to"}

        words = input().lower().split()
        heading = []
        for i, word in enumerate(words):
            inside = 0 < i < len(words) - 1
            if inside and word in SMALL:
                heading.append(word)
            else:
                heading.append(word[0].upper() + word[1:])
        print(" ".join(heading))
        """,
        visible=["the lord of the rings", "WAR AND PEACE", "what it is for"],
        hidden=[
            "a",
            "of mice  and   men",
            "to the",
            "it's a wonderful LIFE",
            "in the heat of the night",
            "OR",
            "on and on and on",
        ],
    ),
    Draft(
        "snake-case",
        """
        Write `snake_case(name)`: turn a name like "parseHTTPResponse2" into "parse_http_response2". An underscore is
        put before a capital letter that follows a small letter or a digit, and before a capital letter that follows
        a capital letter and is followed by a small letter. Then all letters are made small. The name holds letters
        A to Z, a to z, digits and underscores; underscores stay.
        """,
        """
        def snake_case(name):
            result = ""
            for i, char in enumerate(name):
                before = name[i - 1] if i > 0 else ""
                after = name[i + 1] if i + 1 < len(name) else ""
                if char.isupper():
                    if before.islower() or before.isdigit():
                        result += "_"
                    elif before.isupper() and after.islower():
                        result += "_"
                result += char.lower()
            return result
        """,
        visible=[("camelCase",), ("parseHTTPResponse2",), ("already_snake",)],
        hidden=[("",), ("A",), ("ABC",), ("getX",), ("HTTPServer",), ("v2Beta",), ("Mixed_Case_Name",), ("aB1C",)],
        fn_name="snake_case",
    ),
    Draft(
        "pig-latin",
        """
        Rewrite each word: if it begins with a vowel (a, e, i, o, u), append `way`; else move all letters before the
        first vowel to its end and append `ay`. A `y` is a vowel unless it is the first letter. A word without a
        vowel just gets `ay`.

        Input: one line of words of small letters, separated by single spaces.
        Output: the rewritten words, separated by single spaces.
        """,
        """
        def rewritten(word):
            for i, letter in enumerate(word):
                if letter in "aeiou" or (letter == "y" and i > 0):
                    if i == 0:
                        return word + "way"
                    return word[i:] + word[:i] + "ay"
            return word + "ay"


        print(" ".join(rewritten(word) for word in input().split()))
        """,
        visible=["apple pig", "rhythm", "yellow string"],
        hidden=["a", "b", "my shy fly", "queen", "the quick brown fox", "y yy", "eye yes hmm"],
    ),
    Draft(
        "number-words",
        """
        Write `in_words(n)`: the English words for an integer from 0 to 999999, in small letters, separated by single
        spaces, with a hyphen in twenty-one to ninety-nine and without "and": 1215 is "one thousand two hundred
        fifteen".
        """,
        """
        ONES = (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen"
        ).split()
        TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


        def in_words(n):
            if n < 20:
                return ONES[n]
            if n < 100:
                tens, ones = divmod(n, 10)
                return TENS[tens] + ("-" + ONES[ones] if ones else "")
            if n < 1000:
                head = ONES[n // 100] + " hundred"
                rest = n % 100
            else:
                head = in_words(n // 1000) + " thousand"
                rest = n % 1000
            return head + (" " + in_words(rest) if rest else "")
        """,
        visible=[(7,), (42,), (1215,)],
        hidden=[(0,), (10,), (19,), (20,), (100,), (101,), (1000,), (90017,), (999999,), (300000,)],
        fn_name="in_words",
    ),
    Draft(
        "letter-pairs",
        """
        Input: one line of text.
        Output: the pair of neighbouring letters that occurs most often, in small letters, and how often, separated
        by a space; if several are equally frequent, the first in alphabetical order. Only the letters A to Z and a
        to z count, without regard to case; other characters separate. Pairs may overlap: `aaa` holds `aa` twice.
        If there is no pair, print `none`.
        """,
        """
        from collections import defaultdict

        text = input().lower()
        counts = defaultdict(int)
        for i in range(len(text) - 1):
            pair = text[i : i + 2]
            if "a" <= pair[0] <= "z" and "a" <= pair[1] <= "z":
                counts[pair] += 1
        if counts:
            best = min(counts, key=lambda pair: (-counts[pair], pair))
            print(best, counts[best])
        else:
            print("none")
        """,
        visible=["banana", "aaa", "a b c"],
        hidden=["\n", "x", "AbaB", "12 34", "the theme of the thesis", "ab1ab-ab", "zyxw"],
    ),
)
