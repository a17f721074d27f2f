"""Dictionaries, sets, counters and tables of sums."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "recent-cache",
        """
        A cache holds at most k entries. When a new key is put into a full cache, the entry not used for the longest
        time is dropped. Both `put` and a successful `get` use an entry.

        Input: the first line holds k and n (1 <= k <= 100, 1 <= n <= 1000), each of the next n lines `put key value`
        or `get key` (words without spaces). Putting a key that is there replaces its value and drops nothing.
        Output: for each `get` a line with the value, or `miss`.
        """,
        """
        from collections import OrderedDict

        size, n = map(int, input().split())
        cache = OrderedDict()
        for _ in range(n):
            words = input().split()
            key = words[1]
            if words[0] == "get":
                if key in cache:
                    cache.move_to_end(key)
                    print(cache[key])
                else:
                    print("miss")
                continue
            if key in cache:
                cache.move_to_end(key)
            elif len(cache) == size:
                cache.popitem(last=False)
            cache[key] = words[2]
        """,
        visible=[
            "2 5\nput a 1\nput b 2\nget a\nput c 3\nget b",
            "1 3\nput x 1\nput x 2\nget x",
            "2 1\nget nothing",
        ],
        hidden=[
            "1 4\nput a 1\nput b 2\nget a\nget b",
            "2 6\nput a 1\nput b 2\nput a 3\nput c 4\nget a\nget b",
            "3 8\nput a 1\nput b 2\nput c 3\nget a\nget b\nput d 4\nget c\nget d",
            "2 5\nget a\nput a 1\nget a\nget a\nget b",
            "2 7\nput a 1\nput b 2\nget z\nput c 3\nget a\nget b\nget c",
            "100 3\nput k v\nput k w\nget k",
        ],
    ),
    Draft(
        "top-words",
        """
        Write `top_words(words, k)`: the k words that occur most often, most frequent first; words with equal counts
        are ordered by character code. Case matters. If there are fewer than k different words, return all of them.
        Return a list of pairs [word, count]. k >= 0.
        """,
        """
        from collections import Counter


        def top_words(words, k):
            counts = Counter(words)
            ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            return [[word, count] for word, count in ranked[:k]]
        """,
        visible=[(["a", "b", "a"], 1), (["x", "y", "z"], 2), (["one"], 5)],
        hidden=[
            ([], 3),
            (["a"], 0),
            (["b", "a", "B", "A"], 3),
            (["to", "be", "or", "not", "to", "be"], 2),
            (["c", "c", "b", "b", "a", "a"], 3),
            (["", "", "x"], 2),
            (["w" + str(i * i % 7) for i in range(30)], 4),
        ],
        fn_name="top_words",
    ),
    Draft(
        "range-sums",
        """
        Numbers stand at positions 1 to n; they change, and sums over stretches are asked for.

        Input: the first line holds n and q (1 <= n, q <= 5000), the second line the n integers. Each of the next q
        lines is `add i x` (the number at position i grows by x) or `sum a b` (1 <= a <= b <= n).
        Output: for each `sum` the sum of the numbers at the positions a to b, both included.
        """,
        """
        n, q = map(int, input().split())
        tree = [0] * (n + 1)


        def grow(i, amount):
            while i <= n:
                tree[i] += amount
                i += i & -i


        def prefix(i):
            total = 0
            while i > 0:
                total += tree[i]
                i -= i & -i
            return total


        for position, word in enumerate(input().split(), start=1):
            grow(position, int(word))
        for _ in range(q):
            command, first, second = input().split()
            if command == "add":
                grow(int(first), int(second))
            else:
                print(prefix(int(second)) - prefix(int(first) - 1))
        """,
        visible=["3 3\n1 2 3\nsum 1 3\nadd 2 5\nsum 2 2", "1 1\n-4\nsum 1 1", "4 2\n1 1 1 1\nsum 2 3\nsum 1 4"],
        hidden=[
            "1 2\n0\nadd 1 -7\nsum 1 1",
            "5 4\n5 4 3 2 1\nsum 1 5\nadd 5 10\nsum 5 5\nsum 1 4",
            "2 3\n1000000000 1000000000\nsum 1 2\nadd 1 1000000000\nsum 1 2",
            "6 3\n-1 -2 -3 -4 -5 -6\nadd 3 3\nadd 3 0\nsum 3 6",
            "8 4\n1 2 3 4 5 6 7 8\nsum 4 7\nsum 8 8\nadd 8 1\nsum 1 8",
            "3 1\n0 0 0\nsum 1 3",
        ],
    ),
    Draft(
        "rectangle-sums",
        """
        Input: the first line holds r, c and q (1 <= r, c <= 100, 1 <= q <= 1000), the next r lines c integers each,
        each of the next q lines four numbers: top, left, bottom, right (rows and columns counted from 1,
        top <= bottom, left <= right).
        Output: for each query the sum of the cells of the rectangle, its borders included.
        """,
        """
        rows, columns, q = map(int, input().split())
        sums = [[0] * (columns + 1)]
        for r in range(rows):
            line = [0]
            running = 0
            for c, word in enumerate(input().split()):
                running += int(word)
                line.append(sums[r][c + 1] + running)
            sums.append(line)
        for _ in range(q):
            top, left, bottom, right = map(int, input().split())
            whole = sums[bottom][right]
            above = sums[top - 1][right]
            beside = sums[bottom][left - 1]
            corner = sums[top - 1][left - 1]
            print(whole - above - beside + corner)
        """,
        visible=["2 2 2\n1 2\n3 4\n1 1 2 2\n2 1 2 1", "1 3 1\n1 2 3\n1 2 1 3", "2 1 1\n5\n-5\n1 1 2 1"],
        hidden=[
            "1 1 1\n7\n1 1 1 1",
            "3 3 3\n1 2 3\n4 5 6\n7 8 9\n2 2 3 3\n1 1 3 3\n2 2 2 2",
            "2 3 2\n0 0 0\n0 0 0\n1 1 2 3\n1 3 1 3",
            "3 2 2\n-1 -2\n-3 -4\n-5 -6\n1 1 3 1\n2 1 3 2",
            "1 5 3\n10 20 30 40 50\n1 1 1 5\n1 5 1 5\n1 2 1 4",
            "4 4 2\n1 0 0 1\n0 1 1 0\n0 1 1 0\n1 0 0 1\n2 2 3 3\n1 1 4 4",
        ],
    ),
    Draft(
        "phone-book",
        """
        A phone book keeps any number of numbers per name.

        Input: the first line holds n (1 <= n <= 1000), each of the next n lines a command:
        `add name number` (nothing happens if the name has that number already), `drop name number`,
        `find name`, `who number`.
        Output: for `find` the numbers of the name, for `who` the names with that number: in the order of character
        codes, separated by single spaces, or `-` if there are none. For `drop` print `ok`, or `-` if the name does
        not have that number. `add` prints nothing.
        """,
        """
        n = int(input())
        book = {}
        for _ in range(n):
            command, *rest = input().split()
            if command == "add":
                name, number = rest
                book.setdefault(name, set()).add(number)
            elif command == "drop":
                name, number = rest
                if number in book.get(name, set()):
                    book[name].remove(number)
                    print("ok")
                else:
                    print("-")
            else:
                if command == "find":
                    found = sorted(book.get(rest[0], []))
                else:
                    found = sorted(name for name in book if rest[0] in book[name])
                print(" ".join(found) or "-")
        """,
        visible=[
            "4\nadd ann 123\nadd ann 045\nfind ann\nwho 123",
            "2\nfind bob\ndrop bob 1",
            "4\nadd a 1\ndrop a 1\nfind a\nwho 1",
        ],
        hidden=[
            "1\nwho 999",
            "4\nadd a 1\nadd a 1\ndrop a 1\ndrop a 1",
            "5\nadd zed 7\nadd amy 7\nadd Bob 7\nwho 7\nwho 77",
            "5\nadd a 10\nadd a 9\nadd a 100\nfind a\nfind A",
            "6\nadd a 1\nadd b 1\ndrop a 1\nwho 1\nfind a\nfind b",
            "3\nadd x 0\nadd x 00\nfind x",
        ],
    ),
    Draft(
        "set-algebra",
        """
        Input: two lines of integers separated by spaces; either may be empty. Each line is a set; repeated numbers
        count once.
        Output: four lines: the union, the intersection, the numbers of the first set that are not in the second,
        and the numbers that are in exactly one of the two. Each in ascending order, separated by single spaces; an
        empty set is printed as `{}`.
        """,
        """
        def show(numbers):
            print(" ".join(str(number) for number in sorted(numbers)) if numbers else "{}")


        first = set(map(int, input().split()))
        second = set(map(int, input().split()))
        show(first | second)
        show(first & second)
        show(first - second)
        show(first ^ second)
        """,
        visible=["1 2 3\n2 3 4", "5 5 5\n5", "1 10 9\n\n"],
        hidden=["\n\n", "\n7 7", "1 2\n3 4", "-1 0 1\n1 0 -1", "100 20 3\n20", "3 1 2 3 1 2\n1 2", "-5 -10\n-10 5"],
    ),
    Draft(
        "calendar-bookings",
        """
        A room is booked from minute s up to, but not including, minute e. A request is accepted if it overlaps no
        booking accepted before.

        Input: the first line holds n (1 <= n <= 1000), each of the next n lines s and e (0 <= s < e <= 1000000).
        Output: for each request `yes` or `no`; at the end a line with the total number of minutes booked.
        """,
        """
        from bisect import bisect_left, insort

        n = int(input())
        booked = []
        minutes = 0
        for _ in range(n):
            start, end = map(int, input().split())
            at = bisect_left(booked, (start, end))
            free_before = at == 0 or booked[at - 1][1] <= start
            free_after = at == len(booked) or booked[at][0] >= end
            if free_before and free_after:
                insort(booked, (start, end))
                minutes += end - start
                print("yes")
            else:
                print("no")
        print(minutes)
        """,
        visible=["3\n10 20\n15 25\n20 30", "2\n5 6\n5 6", "2\n0 100\n10 20"],
        hidden=[
            "1\n0 1",
            "3\n10 20\n0 10\n20 21",
            "3\n10 20\n0 30\n5 11",
            "4\n1 2\n3 4\n2 3\n1 4",
            "5\n100 200\n300 400\n200 300\n199 201\n0 100",
            "3\n0 1000000\n0 1\n999999 1000000",
        ],
    ),
    Draft(
        "stock-keeping",
        """
        A shop's stock changes by deliveries and sales. A sale is only made if enough is there; else it is refused
        as a whole.

        Input: the first line holds n (1 <= n <= 1000), each of the next n lines `in item count` or `out item count`
        (count >= 1).
        Output: for every refused sale a line `item: have X, asked Y`. At the end one line per item that was ever
        delivered, in the order of the first delivery: `item X` with the stock, or `item sold out` if none is left.
        """,
        """
        n = int(input())
        stock = {}
        for _ in range(n):
            kind, item, count = input().split()
            count = int(count)
            if kind == "in":
                stock[item] = stock.get(item, 0) + count
            elif stock.get(item, 0) < count:
                print(f"{item}: have {stock.get(item, 0)}, asked {count}")
            else:
                stock[item] -= count
        for item, count in stock.items():
            print(item, count if count > 0 else "sold out")
        """,
        visible=["3\nin tea 5\nout tea 3\nout tea 3", "1\nout cake 1", "2\nin a 1\nout a 1"],
        hidden=[
            "4\nin b 2\nin a 1\nin b 3\nout b 5",
            "3\nout x 1\nin x 1\nout x 1",
            "2\nout p 2\nout q 3",
            "5\nin a 10\nout a 11\nout a 10\nout a 1\nin a 4",
            "1\nin gold 1000000000000",
            "6\nin c 1\nin b 1\nin a 1\nout c 1\nin c 1\nout b 2",
        ],
    ),
    Draft(
        "sparse-product",
        """
        Write `sparse_product(first, second)`: the product of two matrices given as lists of cells
        [row, column, value] (different positions, values not 0, any order). The inner sizes fit. Return the cells
        of the product whose value is not 0, in the same form, ordered by row and then by column.
        """,
        """
        def sparse_product(first, second):
            by_row = {}
            for row, column, value in second:
                by_row.setdefault(row, []).append((column, value))
            cells = {}
            for row, inner, left in first:
                for column, right in by_row.get(inner, []):
                    cells[(row, column)] = cells.get((row, column), 0) + left * right
            return [[row, column, cells[(row, column)]] for row, column in sorted(cells) if cells[(row, column)] != 0]
        """,
        visible=[
            ([[0, 0, 2], [0, 1, 3]], [[0, 0, 4], [1, 0, 5]]),
            ([[1, 2, 7]], [[2, 1, 1], [0, 0, 9]]),
            ([[0, 0, 1], [0, 1, 1]], [[0, 0, 1], [1, 0, -1]]),
        ],
        hidden=[
            ([], []),
            ([[0, 0, 5]], []),
            ([], [[3, 3, 1]]),
            ([[5, 0, 1], [2, 0, 1]], [[0, 9, 1], [0, 4, 2]]),
            ([[0, 0, -3]], [[0, 0, -3]]),
            ([[0, 1, 2], [1, 0, 3], [1, 1, 4]], [[0, 0, 1], [0, 1, 1], [1, 0, 2]]),
        ],
        fn_name="sparse_product",
    ),
)
