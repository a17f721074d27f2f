"""Trees, heaps, tries and sets that merge."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "search-tree",
        """
        Insert integers one after the other into an unbalanced binary search tree (smaller ones to the left, greater
        ones to the right; a number that is already there is skipped).

        Input: the first line holds n (1 <= n <= 500), the second line n integers.
        Output: three lines: the numbers in preorder (node, left, right), the numbers in postorder (left, right,
        node), and the number of levels of the tree. Numbers are separated by single spaces.
        """,
        """
        def insert(node, value):
            if node is None:
                return {"value": value, "left": None, "right": None}
            if value < node["value"]:
                node["left"] = insert(node["left"], value)
            elif value > node["value"]:
                node["right"] = insert(node["right"], value)
            return node


        def preorder(node):
            if node is None:
                return []
            return [node["value"]] + preorder(node["left"]) + preorder(node["right"])


        def postorder(node):
            if node is None:
                return []
            return postorder(node["left"]) + postorder(node["right"]) + [node["value"]]


        def levels(node):
            if node is None:
                return 0
            return 1 + max(levels(node["left"]), levels(node["right"]))


        n = int(input())
        root = None
        for word in input().split():
            root = insert(root, int(word))
        print(*preorder(root))
        print(*postorder(root))
        print(levels(root))
        """,
        visible=["5\n3 1 4 1 5", "1\n9", "3\n1 2 3"],
        hidden=[
            "4\n7 7 7 7",
            "7\n4 2 6 1 3 5 7",
            "5\n5 4 3 2 1",
            "6\n-1 10 -20 0 5 -15",
            "8\n50 25 75 10 30 60 90 25",
            "40\n" + " ".join(str(i * 17 % 41) for i in range(40)),
        ],
    ),
    Draft(
        "running-median",
        """
        Input: the first line holds n (1 <= n <= 10000), the second line n integers.
        Output: n lines; line i holds the median of the first i numbers: of their sorted order the middle one, or if
        i is even the mean of the two middle ones. Print it with exactly one digit after the point (the mean of two
        integers needs no more).
        """,
        """
        import heapq

        n = int(input())
        lower = []
        upper = []
        for word in input().split():
            value = int(word)
            if lower and value > -lower[0]:
                heapq.heappush(upper, value)
            else:
                heapq.heappush(lower, -value)
            if len(upper) > len(lower):
                heapq.heappush(lower, -heapq.heappop(upper))
            elif len(lower) > len(upper) + 1:
                heapq.heappush(upper, -heapq.heappop(lower))
            if len(lower) > len(upper):
                print(f"{-lower[0]:.1f}")
            else:
                print(f"{(upper[0] - lower[0]) / 2:.1f}")
        """,
        visible=["4\n5 15 1 3", "1\n7", "3\n2 2 2"],
        hidden=[
            "2\n1 2",
            "5\n5 4 3 2 1",
            "6\n-1 -2 -3 -4 -5 -6",
            "7\n10 -10 10 -10 10 -10 0",
            "4\n1000000 -1000001 3 8",
            "30\n" + " ".join(str(i * 13 % 31) for i in range(30)),
        ],
    ),
    Draft(
        "friend-circles",
        """
        People 1 to n start without friends. Friendship is passed on: a friend of a friend belongs to one's circle.

        Input: the first line holds n and q (1 <= n <= 1000, 1 <= q <= 10000), each of the next q lines one of
        `join a b` (a and b become friends), `same a b`, `size a`.
        Output: for each `same` a line `yes` or `no`: are a and b in one circle (everybody is in a circle with
        themselves)? For each `size` the number of people in the circle of a.
        """,
        """
        def find(parent, person):
            if parent[person] != person:
                parent[person] = find(parent, parent[person])
            return parent[person]


        n, q = map(int, input().split())
        parent = list(range(n + 1))
        size = [1] * (n + 1)
        for _ in range(q):
            words = input().split()
            a = find(parent, int(words[1]))
            if words[0] == "size":
                print(size[a])
                continue
            b = find(parent, int(words[2]))
            if words[0] == "same":
                print("yes" if a == b else "no")
            elif a != b:
                if size[a] < size[b]:
                    a, b = b, a
                parent[b] = a
                size[a] += size[b]
        """,
        visible=[
            "3 4\njoin 1 2\nsame 1 2\nsame 1 3\nsize 2",
            "1 2\nsame 1 1\nsize 1",
            "4 4\njoin 1 2\njoin 3 4\njoin 2 3\nsize 4",
        ],
        hidden=[
            "2 3\njoin 1 1\nsize 1\nsame 1 2",
            "2 3\njoin 1 2\njoin 2 1\nsize 1",
            "5 6\njoin 1 2\njoin 2 3\nsize 3\njoin 4 5\nsame 3 5\nsame 4 5",
            "6 7\njoin 6 5\njoin 5 4\njoin 4 3\njoin 3 2\njoin 2 1\nsize 6\nsame 1 6",
            "3 2\nsize 3\nsame 2 3",
            "8 8\njoin 1 2\njoin 3 4\njoin 5 6\njoin 7 8\njoin 1 3\njoin 5 7\nsame 2 8\nsize 6",
        ],
    ),
    Draft(
        "prefix-counts",
        """
        A dictionary is given; for each query say how many of its words begin with it, and which one of those is the
        first in the order of character codes.

        Input: the first line holds n and q (1 <= n, q <= 1000), the next n lines a word each (lower-case letters;
        a word may stand several times and then counts several times), the next q lines a prefix each (at least one
        letter).
        Output: for each query a line with the count and the first word, separated by a space, or just `0`.
        """,
        """
        class Node:
            def __init__(self):
                self.children = {}
                self.count = 0
                self.ends = False


        def first_word(node, prefix):
            while not node.ends:
                letter = min(node.children)
                prefix += letter
                node = node.children[letter]
            return prefix


        def walk(root, prefix):
            node = root
            for letter in prefix:
                node = node.children.get(letter)
                if node is None:
                    return None
            return node


        n, q = map(int, input().split())
        root = Node()
        for _ in range(n):
            node = root
            for letter in input():
                if letter not in node.children:
                    node.children[letter] = Node()
                node = node.children[letter]
                node.count += 1
            node.ends = True
        for _ in range(q):
            prefix = input()
            node = walk(root, prefix)
            if node is None:
                print(0)
            else:
                print(node.count, first_word(node, prefix))
        """,
        visible=["3 2\ncar\ncat\ndog\nca\nx", "2 1\na\na\na", "3 1\nabc\nab\nabd\nab"],
        hidden=[
            "1 2\nz\nz\nzz",
            "4 3\ntea\nten\nto\ninn\nt\nte\ni",
            "5 2\nb\nba\nbab\nbabb\na\nbab\nbabb",
            "2 2\nxyz\nxya\nxyz\nxy",
            "3 3\nsame\nsame\nsam\nsa\nsame\nsames",
            "6 1\nzebra\nzeal\nzen\nzest\nze\nzoo\nz",
        ],
    ),
    Draft(
        "tree-height",
        """
        A tree with nodes 0 to n-1 is given by the parent of each node; the root has parent -1.

        Input: the first line holds n (1 <= n <= 10000), the second line the parents of node 0, 1, ..., n-1.
        Output: on one line the number of nodes on the longest way from the root down to a leaf, and the number of
        leaves (nodes that are nobody's parent), separated by a space.
        """,
        """
        n = int(input())
        parents = [int(word) for word in input().split()]
        children = [[] for _ in range(n)]
        level = []
        for node in range(n):
            if parents[node] == -1:
                level.append(node)
            else:
                children[parents[node]].append(node)
        height = 0
        while level:
            height += 1
            level = [child for node in level for child in children[node]]
        leaves = sum(1 for below in children if not below)
        print(height, leaves)
        """,
        visible=["5\n-1 0 0 1 1", "1\n-1", "3\n1 2 -1"],
        hidden=[
            "2\n-1 0",
            "4\n3 3 3 -1",
            "5\n4 -1 4 1 1",
            "6\n-1 0 1 2 3 4",
            "7\n2 2 -1 2 3 4 4",
            "500\n" + " ".join(str((i - 1) // 2) if i else "-1" for i in range(500)),
        ],
    ),
    Draft(
        "common-boss",
        """
        In a company everybody but the head has one boss. A person's chain is the person, their boss, the boss of
        the boss and so on up to the head. The common boss of two people is the first person of the one's chain that
        also stands in the other's (it may be one of the two themselves).

        Input: the first line holds n and q (0 <= n <= 1000, 1 <= q <= 100), each of the next n lines a person and
        their boss (names of letters), each of the next q lines two names.
        Output: for each query a line with the name of the common boss. A name that appears in no pair is unknown;
        if one of the two is unknown, print `unknown`. The pairs form one company with one head.
        """,
        """
        def chain(boss_of, person):
            people = [person]
            while people[-1] in boss_of:
                people.append(boss_of[people[-1]])
            return people


        n, q = map(int, input().split())
        boss_of = {}
        known = set()
        for _ in range(n):
            person, boss = input().split()
            boss_of[person] = boss
            known.update((person, boss))
        for _ in range(q):
            first, second = input().split()
            if first not in known or second not in known:
                print("unknown")
                continue
            above = set(chain(boss_of, second))
            for person in chain(boss_of, first):
                if person in above:
                    print(person)
                    break
        """,
        visible=[
            "3 2\nann bob\ncid bob\nbob dora\nann cid\nann dora",
            "1 1\na b\na zed",
            "2 1\na b\nb c\na a",
        ],
        hidden=[
            "0 1\na a",
            "1 2\na b\nb a\nb b",
            "4 3\nd c\nc b\nb a\ne a\nd e\nd b\na e",
            "5 2\nx root\ny root\nz x\nw y\nv w\nz v\nv y",
            "2 2\nann head\nben head\nann Ann\nben ann",
            "3 1\nc d\nb c\na b\na d",
        ],
    ),
    Draft(
        "prefix-expression",
        """
        Expressions in prefix notation: an integer, or an operator (+, - or *) followed by two expressions. Print
        the expression with parentheses, and its value.

        Input: one line, a correct expression whose parts are separated by single spaces.
        Output: on the first line the expression with every operation written as `(left operator right)`, parts
        separated by single spaces; on the second line its value.
        """,
        """
        def parse(words, at):
            word = words[at]
            if word not in ("+", "-", "*"):
                return word, int(word), at + 1
            left_text, left, at = parse(words, at + 1)
            right_text, right, at = parse(words, at)
            text = "(" + left_text + " " + word + " " + right_text + ")"
            if word == "+":
                return text, left + right, at
            if word == "-":
                return text, left - right, at
            return text, left * right, at


        words = input().split()
        text, value, _ = parse(words, 0)
        print(text)
        print(value)
        """,
        visible=["+ 1 2", "* + 1 2 - 5 3", "7"],
        hidden=["-3", "- 0 5", "+ + + 1 2 3 4", "- 1 - 2 - 3 4", "* -2 * 3 -4", "* 0 + 99999999999 1", "- * 2 3 * 4 5"],
    ),
    Draft(
        "merge-sorted-lists",
        """
        Write `merge_lists(lists)`: `lists` holds lists of integers, each in ascending order (some may be empty).
        Return one list of pairs [number, source] with all the numbers in ascending order, where `source` is the
        index of the list the number comes from; equal numbers are ordered by source.
        """,
        """
        import heapq


        def merge_lists(lists):
            heap = []
            for source, numbers in enumerate(lists):
                if numbers:
                    heap.append((numbers[0], source, 0))
            heapq.heapify(heap)
            merged = []
            while heap:
                number, source, at = heapq.heappop(heap)
                merged.append([number, source])
                at += 1
                if at < len(lists[source]):
                    heapq.heappush(heap, (lists[source][at], source, at))
            return merged
        """,
        visible=[([[1, 4], [2, 3]],), ([[1], [1], [1]],), ([[], [5]],)],
        hidden=[
            ([],),
            ([[], []],),
            ([[1, 1, 2], [1, 2]],),
            ([[-5, 0, 5]],),
            ([[10], [9], [8], [7]],),
            ([[1, 2, 3, 4], [], [0, 5]],),
            ([[i * k for i in range(10)] for k in range(1, 5)],),
        ],
        fn_name="merge_lists",
    ),
    Draft(
        "flatten-with-depth",
        """
        Write `flatten(nested)`: `nested` is a list whose elements are integers or again such lists, to any depth up
        to 50. Return a list of pairs [integer, depth] in reading order; the depth of an integer is the number of
        lists it stands in (1 for an element of `nested` itself).
        """,
        """
        def flatten(nested, depth=1):
            pairs = []
            for element in nested:
                if isinstance(element, list):
                    pairs += flatten(element, depth + 1)
                else:
                    pairs.append([element, depth])
            return pairs
        """,
        visible=[([1, [2, [3]], 4],), ([[[7]]],), ([1, 2, 3],)],
        hidden=[
            ([],),
            ([[], [[]]],),
            ([[1, 1], [1, [1]], 1],),
            ([[[[[[0]]]]], -1],),
            ([[], 5, []],),
            ([[[1, 2], 3], [4, [5, [6]]]],),
        ],
        fn_name="flatten",
    ),
)
