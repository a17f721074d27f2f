"""Letters and their order."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "string-reverse",
        """
        Input: one line of text; it may be empty and may hold spaces, also at its ends.
        Output: the text backwards, between two `|` characters.
        """,
        """
        import sys

        line = sys.stdin.readline().rstrip("\\n")
        backwards = ""
        i = len(line) - 1
        while i >= 0:
            backwards += line[i]
            i -= 1
        print("|" + backwards + "|")
        """,
        visible=["hello", "a b", "abcba"],
        hidden=["\n", "x", " leading", "trailing  ", "12 + 34 = 46", "Was it a car?", "ab" * 200],
    ),
    Draft(
        "palindrome-phrase",
        """
        A phrase is a palindrome if its letters and digits, read without regard to case, are the same backwards.
        All other characters are skipped; a phrase without letters and digits is not a palindrome. Only the letters
        A to Z and a to z count as letters.

        Input: the first line holds n (1 <= n <= 100), each of the next n lines a phrase (it may be empty).
        Output: for each `yes` or `no`.
        """,
        """
        ALPHABET = set("abcdefghijklmnopqrstuvwxyz0123456789")


        def is_palindrome(phrase):
            kept = [char for char in phrase.lower() if char in ALPHABET]
            if not kept:
                return False
            left, right = 0, len(kept) - 1
            while left < right:
                if kept[left] != kept[right]:
                    return False
                left += 1
                right -= 1
            return True


        n = int(input())
        for _ in range(n):
            print("yes" if is_palindrome(input()) else "no")
        """,
        visible=["2\nNever odd or even\nhello", "1\n!?", "2\nA\nab"],
        hidden=[
            "1\n\n",
            "2\n1221\n123",
            "1\nA man, a plan, a canal: Panama!",
            "2\n0P\nOo",
            "3\na.\n.,a,.\nab a",
            "1\nNo lemon, no melon",
        ],
    ),
    Draft(
        "caesar-cipher",
        """
        Input: the first line holds an integer k (at most 10**9 in size, perhaps negative), the second line a text.
        Output: the text with each letter A to Z and a to z replaced by the letter k places further on in the
        alphabet, going round from z to a (backwards if k is negative); case is kept, everything else unchanged.
        """,
        """
        def shifted(char, k):
            if "a" <= char <= "z":
                first = ord("a")
            elif "A" <= char <= "Z":
                first = ord("A")
            else:
                return char
            return chr((ord(char) - first + k) % 26 + first)


        k = int(input())
        text = input()
        print("".join(shifted(char, k) for char in text))
        """,
        visible=["3\nHello, World!", "-1\nabc", "26\nSame"],
        hidden=[
            "0\nNothing",
            "13\nUryyb",
            "-27\naZ",
            "1000000000\nxyz XYZ",
            "5\n123 !?",
            "1\nzZ",
            "25\nthe quick brown fox",
        ],
    ),
    Draft(
        "run-lengths",
        """
        Write `run_lengths(text)`: replace each run of one repeated character by the character and, if the run is
        longer than 1, its length: "aaabcc" becomes "a3bc2". The text holds no digits.
        """,
        """
        def run_lengths(text):
            result = ""
            i = 0
            while i < len(text):
                j = i
                while j < len(text) and text[j] == text[i]:
                    j += 1
                result += text[i]
                if j - i > 1:
                    result += str(j - i)
                i = j
            return result
        """,
        visible=[("aaabcc",), ("abc",), ("zzzz",)],
        hidden=[("",), ("x",), ("aA",), ("aabbaa",), ("   .",), ("w" * 120,), ("abbcccddddeeeee",)],
        fn_name="run_lengths",
    ),
    Draft(
        "unroll-brackets",
        """
        A packed text holds letters and groups `k[...]`: what stands in the brackets, itself a packed text, is
        repeated k times (k >= 0, perhaps with several digits).

        Input: one line, a correct packed text without spaces; it may be empty.
        Output: the unpacked text (at most 10000 characters).
        """,
        """
        def unpack(text, at):
            result = ""
            while at < len(text) and text[at] != "]":
                if not text[at].isdigit():
                    result += text[at]
                    at += 1
                    continue
                count = 0
                while text[at].isdigit():
                    count = count * 10 + int(text[at])
                    at += 1
                inner, at = unpack(text, at + 1)
                result += inner * count
                at += 1
            return result, at


        unpacked, _ = unpack(input(), 0)
        print(unpacked)
        """,
        visible=["3[a]2[bc]", "2[a3[b]]", "xyz"],
        hidden=["\n", "0[abc]d", "10[z]", "a2[]b", "2[2[2[q]]]", "1[a]1[b]c", "3[x2[y]z]w"],
    ),
    Draft(
        "missing-letters",
        """
        Input: one line of text.
        Output: the letters of the English alphabet that do not occur in the text, neither as small nor as capital
        letters, in alphabetical order, in lower case and without spaces between them; or `pangram` if none is
        missing.
        """,
        """
        seen = set(input().lower())
        missing = ""
        for code in range(ord("a"), ord("z") + 1):
            if chr(code) not in seen:
                missing += chr(code)
        print(missing or "pangram")
        """,
        visible=["The quick brown fox jumps over the lazy dog", "abcdefghijklm", "AEIOU"],
        hidden=[
            "\n",
            "1234!",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "abcdefghijklmnopqrstuvwxy",
            "bcdefghijklmnopqrstuvwxyz",
            "Pack my box with five dozen liquor jugs.",
            "zZz",
        ],
    ),
    Draft(
        "rotation-of",
        """
        Write `rotation(first, second)`: the smallest k >= 0 such that moving the first k characters of `first` to
        its end gives `second`, or -1 if there is no such k.
        """,
        """
        def rotation(first, second):
            if len(first) != len(second):
                return -1
            if not first:
                return 0
            for k in range(len(first)):
                if first[k:] + first[:k] == second:
                    return k
            return -1
        """,
        visible=[("abcde", "cdeab"), ("abc", "acb"), ("same", "same")],
        hidden=[
            ("", ""),
            ("a", ""),
            ("abab", "baba"),
            ("aaaa", "aaaa"),
            ("abc", "abcd"),
            ("Ab", "ba"),
            ("xyzzy", "yxyzz"),
        ],
        fn_name="rotation",
    ),
    Draft(
        "look-and-say",
        """
        Each term of a sequence describes the one before: for each run of equal digits, its length and the digit.
        After 1211 ("one 1, one 2, two 1s") comes 111221.

        Input: the first term (digits only) and n (0 <= n <= 20), on one line.
        Output: the term after n descriptions.
        """,
        """
        from itertools import groupby

        term, n = input().split()
        for _ in range(int(n)):
            described = ""
            for digit, run in groupby(term):
                described += str(len(list(run))) + digit
            term = described
        print(term)
        """,
        visible=["1 4", "22 5", "7 0"],
        hidden=["1 1", "0 3", "111111111111 1", "3211 2", "1 12", "99 3"],
    ),
    Draft(
        "longest-palindrome",
        """
        Write `longest_palindrome(text)`: the longest stretch of the text that reads the same backwards; if several
        are equally long, the first of them. For the empty text it is the empty text. Case and spaces count.
        """,
        """
        def widened(text, left, right):
            while left >= 0 and right < len(text) and text[left] == text[right]:
                left -= 1
                right += 1
            return text[left + 1 : right]


        def longest_palindrome(text):
            best = ""
            for middle in range(len(text)):
                for candidate in (widened(text, middle, middle), widened(text, middle, middle + 1)):
                    if len(candidate) > len(best):
                        best = candidate
            return best
        """,
        visible=[("babad",), ("cbbd",), ("abc",)],
        hidden=[("",), ("z",), ("aaaa",), ("Aa",), ("abacdfgdcaba",), ("noon at noon",), ("xabccbay racecar",)],
        fn_name="longest_palindrome",
    ),
)
