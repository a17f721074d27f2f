"""Small classic algorithms, each as one got it wrong and as it is right."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from agentgym.sandbox import Case


@dataclass(frozen=True, slots=True)
class Pair:
    """A function, wrong and right; the wrong one fails at least one case."""

    name: str
    fixed: str
    wrong: str
    """A piece of the right text, and what stands there in the buggy one, with an arrow between."""
    cases: tuple[Case, ...]

    @property
    def right_code(self) -> str:
        return dedent(self.fixed).strip("\n")

    @property
    def wrong_code(self) -> str:
        piece, _, instead = self.wrong.partition(" -> ")
        assert self.right_code.count(piece) == 1, self.name
        return self.right_code.replace(piece, instead)


def cases(*rows: tuple[str, str]) -> tuple[Case, ...]:
    return tuple(Case(given, expected) for given, expected in rows)


PAIRS = (
    Pair(
        "bitcount",
        """
        def bitcount(n):
            count = 0
            while n:
                n &= n - 1
                count += 1
            return count
        """,
        "n &= n - 1 -> n ^= n - 1",
        cases(("127", "7"), ("128", "1"), ("0", "0"), ("3005", "9")),
    ),
    Pair(
        "find_in_sorted",
        """
        def find_in_sorted(values, wanted):
            low, high = 0, len(values)
            while low < high:
                middle = (low + high) // 2
                if values[middle] == wanted:
                    return middle
                if values[middle] < wanted:
                    low = middle + 1
                else:
                    high = middle
            return -1
        """,
        "low = middle + 1 -> low = middle",
        cases(("[3, 4, 5, 5, 6]\n5", "2"), ("[1, 2, 3, 4]\n9", "-1"), ("[]\n1", "-1"), ("[1, 2]\n2", "1")),
    ),
    Pair(
        "gcd",
        """
        def gcd(a, b):
            while b:
                a, b = b, a % b
            return a
        """,
        "a, b = b, a % b -> a, b = a % b, b",
        cases(("13\n13", "13"), ("37\n600", "1"), ("20\n100", "20"), ("624129\n2061517", "18913")),
    ),
    Pair(
        "bubble_sort",
        """
        def bubble_sort(values):
            values = list(values)
            for end in range(len(values) - 1, 0, -1):
                for i in range(end):
                    if values[i] > values[i + 1]:
                        values[i], values[i + 1] = values[i + 1], values[i]
            return values
        """,
        "range(end) -> range(end - 1)",
        cases(("[3, 1, 2]", "[1, 2, 3]"), ("[]", "[]"), ("[2, 1]", "[1, 2]"), ("[5, 5, 1]", "[1, 5, 5]")),
    ),
    Pair(
        "quick_sort",
        """
        def quick_sort(values):
            if not values:
                return []
            pivot = values[0]
            smaller = quick_sort([x for x in values[1:] if x < pivot])
            larger = quick_sort([x for x in values[1:] if x >= pivot])
            return smaller + [pivot] + larger
        """,
        "if x >= pivot -> if x > pivot",
        cases(("[4, 2, 4, 1]", "[1, 2, 4, 4]"), ("[1]", "[1]"), ("[0, 0, 0]", "[0, 0, 0]")),
    ),
    Pair(
        "merge_sort",
        """
        def merge_sort(values):
            if len(values) < 2:
                return values
            middle = len(values) // 2
            left, right = merge_sort(values[:middle]), merge_sort(values[middle:])
            merged, i, j = [], 0, 0
            while i < len(left) and j < len(right):
                if left[i] <= right[j]:
                    merged.append(left[i])
                    i += 1
                else:
                    merged.append(right[j])
                    j += 1
            return merged + left[i:] + right[j:]
        """,
        "if len(values) < 2: -> if len(values) == 0:",
        cases(("[2, 1]", "[1, 2]"), ("[3, 1, 2, 5, 4]", "[1, 2, 3, 4, 5]"), ("[1]", "[1]")),
    ),
    Pair(
        "levenshtein",
        """
        def levenshtein(a, b):
            row = list(range(len(b) + 1))
            for i, x in enumerate(a, 1):
                left, row[0] = row[0], i
                for j, y in enumerate(b, 1):
                    left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, left + (x != y))
            return row[-1]
        """,
        "left + (x != y) -> left + 1",
        cases(('"electron"\n"neutron"', "3"), ('"kitten"\n"sitting"', "3"), ('"rosettacode"\n"rosettacode"', "0")),
    ),
    Pair(
        "longest_common_subsequence",
        """
        def lcs(a, b):
            table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
            for i in range(len(a)):
                for j in range(len(b)):
                    if a[i] == b[j]:
                        table[i + 1][j + 1] = table[i][j] + 1
                    else:
                        table[i + 1][j + 1] = max(table[i][j + 1], table[i + 1][j])
            return table[-1][-1]
        """,
        "= table[i][j] + 1 -> = table[i][j + 1] + 1",
        cases(
            ('"headache"\n"pentadactyl"', "5"),
            ('"gummybears"\n"gummybears"', "10"),
            ('"aa"\n"a"', "1"),
            ('"a"\n"aa"', "1"),
        ),
    ),
    Pair(
        "knapsack",
        """
        def knapsack(capacity, items):
            best = [0] * (capacity + 1)
            for weight, value in items:
                for room in range(capacity, weight - 1, -1):
                    best[room] = max(best[room], best[room - weight] + value)
            return best[capacity]
        """,
        "range(capacity, weight - 1, -1) -> range(weight, capacity + 1)",
        cases(("100\n[[60, 10], [50, 8], [20, 4], [20, 4], [8, 3], [3, 2]]", "19"), ("10\n[[5, 3]]", "3")),
    ),
    Pair(
        "sieve",
        """
        def sieve(limit):
            primes = []
            for n in range(2, limit + 1):
                if all(n % p for p in primes):
                    primes.append(n)
            return primes
        """,
        "if all(n % p -> if any(n % p",
        cases(("1", "[]"), ("10", "[2, 3, 5, 7]"), ("2", "[2]")),
    ),
    Pair(
        "is_prime",
        """
        def is_prime(n):
            if n < 2:
                return False
            divisor = 2
            while divisor * divisor <= n:
                if n % divisor == 0:
                    return False
                divisor += 1
            return True
        """,
        "divisor * divisor <= n -> divisor * divisor < n",
        cases(("9", "false"), ("2", "true"), ("1", "false"), ("49", "false"), ("97", "true")),
    ),
    Pair(
        "factorial",
        """
        def factorial(n):
            product = 1
            for k in range(2, n + 1):
                product *= k
            return product
        """,
        "range(2, n + 1) -> range(2, n)",
        cases(("5", "120"), ("0", "1"), ("30", "265252859812191058636308480000000")),
    ),
    Pair(
        "fibonacci",
        """
        def fibonacci(n):
            a, b = 0, 1
            for _ in range(n):
                a, b = b, a + b
            return a
        """,
        "a, b = 0, 1 -> a, b = 1, 1",
        cases(("0", "0"), ("1", "1"), ("100", "354224848179261915075")),
    ),
    Pair(
        "hanoi",
        """
        def hanoi(height, start=1, end=3):
            if height == 0:
                return []
            other = 6 - start - end
            return hanoi(height - 1, start, other) + [(start, end)] + hanoi(height - 1, other, end)
        """,
        "[(start, end)] -> [(start, other)]",
        cases(("0", "[]"), ("1", "[[1, 3]]"), ("2", "[[1, 2], [1, 3], [2, 3]]")),
    ),
    Pair(
        "next_permutation",
        """
        def next_permutation(values):
            for i in range(len(values) - 2, -1, -1):
                if values[i] < values[i + 1]:
                    for j in range(len(values) - 1, i, -1):
                        if values[i] < values[j]:
                            changed = list(values)
                            changed[i], changed[j] = changed[j], changed[i]
                            changed[i + 1:] = reversed(changed[i + 1:])
                            return changed
            return None
        """,
        "if values[i] < values[j]: -> if values[j] < values[i]:",
        cases(("[3, 2, 4, 1]", "[3, 4, 1, 2]"), ("[1, 2, 3]", "[1, 3, 2]"), ("[3, 2, 1]", "null")),
    ),
    Pair(
        "kth_smallest",
        """
        def kth(values, k):
            pivot = values[0]
            below = [x for x in values if x < pivot]
            above = [x for x in values if x > pivot]
            if k < len(below):
                return kth(below, k)
            if k >= len(values) - len(above):
                return kth(above, k - (len(values) - len(above)))
            return pivot
        """,
        "return kth(above, k - (len(values) - len(above))) -> return kth(above, k)",
        cases(("[1, 2, 3, 4]\n2", "3"), ("[3, 6, 7, 1, 6, 3, 8, 9]\n5", "7"), ("[1]\n0", "1")),
    ),
    Pair(
        "flatten",
        """
        def flatten(values):
            for value in values:
                if isinstance(value, list):
                    yield from flatten(value)
                else:
                    yield value
        """,
        "yield from flatten(value) -> yield flatten(value)",
        cases(("[[1, [2]], 3, []]", "[1, 2, 3]"), ("[]", "[]"), ("[[[[4]]]]", "[4]")),
    ),
    Pair(
        "pascal",
        """
        def pascal(rows):
            triangle = [[1]]
            for _ in range(rows - 1):
                last = triangle[-1]
                triangle.append([1, *(a + b for a, b in zip(last, last[1:])), 1])
            return triangle
        """,
        "range(rows - 1) -> range(rows)",
        cases(("1", "[[1]]"), ("4", "[[1], [1, 1], [1, 2, 1], [1, 3, 3, 1]]")),
    ),
    Pair(
        "power_set",
        """
        def subsets(values):
            if not values:
                return [[]]
            rest = subsets(values[1:])
            return rest + [[values[0]] + each for each in rest]
        """,
        "return rest + [[values[0]] -> return [[values[0]]",
        cases(('["a", "b"]', '[[], ["b"], ["a"], ["a", "b"]]'), ("[]", "[[]]")),
    ),
    Pair(
        "sqrt",
        """
        def sqrt(x, precision):
            guess = x / 2
            while abs(x - guess ** 2) > precision:
                guess = 0.5 * (guess + x / guess)
            return round(guess, 6)
        """,
        "abs(x - guess ** 2) > precision -> abs(x - guess) > precision",
        cases(("2\n0.0000001", "1.414214"), ("4\n0.01", "2.0"), ("27\n0.0000001", "5.196152")),
    ),
    Pair(
        "to_base",
        """
        def to_base(number, base):
            digits = ""
            while number > 0:
                number, digit = divmod(number, base)
                digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
            return digits
        """,
        "[digit] + digits -> [digit] + digits[::-1]",
        cases(("31\n16", '"1F"'), ("44\n20", '"24"'), ("1000\n2", '"1111101000"')),
    ),
    Pair(
        "reverse_string",
        """
        def reverse(text):
            turned = ""
            for i in range(len(text) - 1, -1, -1):
                turned += text[i]
            return turned
        """,
        "range(len(text) - 1, -1, -1) -> range(len(text) - 1, 0, -1)",
        cases(('"abc"', '"cba"'), ('""', '""'), ('"é😀"', '"😀é"')),
    ),
    Pair(
        "palindrome",
        """
        def palindrome(text):
            low, high = 0, len(text) - 1
            while low < high:
                if text[low] != text[high]:
                    return False
                low += 1
                high -= 1
            return True
        """,
        "high -= 1 -> high += 0",
        cases(('"abba"', "true"), ('"abca"', "false"), ('"aba"', "true"), ('""', "true")),
    ),
    Pair(
        "balanced",
        """
        def balanced(text):
            depth = 0
            for sign in text:
                depth += 1 if sign == "(" else -1
                if depth < 0:
                    return False
            return depth == 0
        """,
        "return depth == 0 -> return True",
        cases(('"(()("', "false"), ('"()()"', "true"), ('")("', "false")),
    ),
    Pair(
        "roman",
        """
        def roman(number):
            text = ""
            for value, sign in [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
                                (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]:
                while number >= value:
                    text += sign
                    number -= value
            return text
        """,
        "number -= value -> number //= value",
        cases(("1994", '"MCMXCIV"'), ("3", '"III"'), ("40", '"XL"')),
    ),
    Pair(
        "run_length",
        """
        def run_length(text):
            runs = []
            for sign in text:
                if runs and runs[-1][0] == sign:
                    runs[-1][1] += 1
                else:
                    runs.append([sign, 1])
            return runs
        """,
        "if runs and runs[-1][0] == sign -> if runs[-1][0] == sign",
        cases(('"aab"', '[["a", 2], ["b", 1]]'), ('""', "[]")),
    ),
    Pair(
        "maximum_sublist",
        """
        def maximum(values):
            best = here = 0
            for x in values:
                here = max(0, here + x)
                best = max(best, here)
            return best
        """,
        "here = max(0, here + x) -> here = here + x",
        cases(("[4, -5, 2, 1, -1, 3]", "5"), ("[-1]", "0"), ("[0, -1, 2, -1, 3, -1, 0]", "4")),
    ),
    Pair(
        "breadth_first",
        """
        from collections import deque

        def reachable(graph, start, goal):
            queue, seen = deque([start]), {start}
            while queue:
                node = queue.popleft()
                if node == goal:
                    return True
                for other in graph[node]:
                    if other not in seen:
                        seen.add(other)
                        queue.append(other)
            return False
        """,
        "while queue: -> while True:",
        cases(('{"a": ["b"], "b": ["a"], "c": []}\n"a"\n"c"', "false"), ('{"a": ["b"], "b": []}\n"a"\n"b"', "true")),
    ),
    Pair(
        "depth_first",
        """
        def reachable(graph, start, goal):
            seen = set()
            def search(node):
                if node in seen:
                    return False
                seen.add(node)
                return node == goal or any(search(other) for other in graph[node])
            return search(start)
        """,
        "seen.add(node) -> seen.discard(node)",
        cases(('{"a": ["b"], "b": ["a"], "c": []}\n"a"\n"c"', "false"), ('{"a": ["b"], "b": []}\n"a"\n"b"', "true")),
    ),
    Pair(
        "topological_order",
        """
        def order(needs):
            done = []
            while len(done) < len(needs):
                done.append(min(n for n in needs if n not in done and all(m in done for m in needs[n])))
            return done
        """,
        "all(m in done -> any(m in done",
        cases(('{"a": ["b"], "b": ["c"], "c": []}', '["c", "b", "a"]'), ('{"x": []}', '["x"]')),
    ),
    Pair(
        "shortest_path",
        """
        import heapq

        def shortest(graph, start, goal):
            queue, seen = [(0, start)], set()
            while queue:
                distance, node = heapq.heappop(queue)
                if node == goal:
                    return distance
                if node not in seen:
                    seen.add(node)
                    for other, length in graph[node].items():
                        heapq.heappush(queue, (distance + length, other))
            return -1
        """,
        "(distance + length, other) -> (length, other)",
        cases(
            ('{"a": {"b": 3, "c": 1}, "b": {}, "c": {"b": 1}}\n"a"\n"b"', "2"), ('{"a": {}, "b": {}}\n"a"\n"b"', "-1")
        ),
    ),
    Pair(
        "detect_cycle",
        """
        def cycles(following):
            slow = fast = "start"
            while True:
                for _ in range(2):
                    if fast not in following:
                        return False
                    fast = following[fast]
                slow = following[slow]
                if slow == fast:
                    return True
        """,
        "if fast not in following: -> if fast == following:",
        cases(('{"start": "a", "a": "b"}', "false"), ('{"start": "a", "a": "start"}', "true"), ("{}", "false")),
    ),
    Pair(
        "transpose",
        """
        def transpose(matrix):
            return [[row[i] for row in matrix] for i in range(len(matrix[0]))]
        """,
        "range(len(matrix[0])) -> range(len(matrix))",
        cases(("[[1, 2, 3]]", "[[1], [2], [3]]"), ("[[1], [2]]", "[[1, 2]]")),
    ),
    Pair(
        "wrap",
        """
        def wrap(text, width):
            lines = []
            while len(text) > width:
                end = text.rfind(" ", 0, width)
                end = width if end <= 0 else end
                line, text = text[:end], text[end:]
                lines.append(line)
            lines.append(text)
            return lines
        """,
        "end = width if end <= 0 else end -> end = max(end, 0)",
        cases(('"abcdefgh"\n3', '["abc", "def", "gh"]'), ('"ab cd"\n4', '["ab", " cd"]')),
    ),
    Pair(
        "change_ways",
        """
        def ways(coins, total):
            if total == 0:
                return 1
            if total < 0 or not coins:
                return 0
            return ways(coins, total - coins[-1]) + ways(coins[:-1], total)
        """,
        "if total < 0 or not coins: -> if not coins:",
        cases(("[1, 5, 10, 25]\n11", "4"), ("[1, 4, 9]\n20", "10"), ("[5]\n3", "0")),
    ),
    Pair(
        "average",
        """
        class Solution:
            def average(self, values):
                return sum(values) / len(values) if values else 0.0
        """,
        "sum(values) / len(values) -> sum(values) // len(values)",
        cases(("[1, 2]", "1.5"), ("[]", "0.0"), ("[1, 1, 2]", "1.3333333333333333")),
    ),
    Pair(
        "matching_pairs",
        """
        class Solution:
            def two_sum(self, nums, target):
                seen = {}
                for i, x in enumerate(nums):
                    if target - x in seen:
                        return [seen[target - x], i]
                    seen[x] = i
        """,
        "seen[x] = i -> seen[i] = x",
        cases(("[2, 7, 11, 15]\n9", "[0, 1]"), ("[3, 3]\n6", "[0, 1]")),
    ),
)
