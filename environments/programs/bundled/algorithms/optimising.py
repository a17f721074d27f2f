"""The best of many ways, mostly by dynamic programming."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "best-stretch",
        """
        The daily balance of a shop is given; find the greatest sum over consecutive days (at least one day).

        Input: the first line holds n (1 <= n <= 100000), the second line n integers.
        Output: the greatest sum.
        """,
        """
        n = int(input())
        days = list(map(int, input().split()))
        best = days[0]
        ending_here = 0
        for amount in days:
            ending_here = max(ending_here + amount, amount)
            best = max(best, ending_here)
        print(best)
        """,
        visible=["5\n1 -2 3 4 -1", "3\n-5 -2 -9", "4\n1 2 3 4"],
        hidden=[
            "1\n-7",
            "1\n0",
            "2\n-1 5",
            "9\n-2 1 -3 4 -1 2 1 -5 4",
            "6\n5 -9 6 -2 3 -100",
            "5\n0 0 -1 0 0",
            "200\n" + " ".join(str((i * 37) % 19 - 9) for i in range(200)),
        ],
    ),
    Draft(
        "fewest-coins",
        """
        Write `fewest_coins(coins, amount)`: the smallest number of coins that add up to `amount` exactly. Each coin
        value (a positive integer) may be used any number of times. Return -1 if the amount cannot be paid, and 0
        for the amount 0. 0 <= amount <= 10000.
        """,
        """
        def fewest_coins(coins, amount):
            needed = {0: 0}
            for total in range(1, amount + 1):
                options = [needed[total - coin] for coin in coins if total - coin in needed]
                if options:
                    needed[total] = min(options) + 1
            return needed.get(amount, -1)
        """,
        visible=[([1, 2, 5], 11), ([2], 3), ([1, 3, 4], 6)],
        hidden=[
            ([5], 0),
            ([], 7),
            ([], 0),
            ([7], 7),
            ([3, 7], 5),
            ([1, 5, 10, 25], 63),
            ([9, 6, 5, 1], 11),
            ([4, 6], 1001),
        ],
        fn_name="fewest_coins",
    ),
    Draft(
        "longest-rise",
        """
        Leave out as few numbers as possible so that those left, in their order, are strictly increasing.

        Input: the first line holds n (0 <= n <= 2000), the second line n integers.
        Output: how many numbers are left.
        """,
        """
        def place_of(tails, value):
            low, high = 0, len(tails)
            while low < high:
                middle = (low + high) // 2
                if tails[middle] < value:
                    low = middle + 1
                else:
                    high = middle
            return low


        n = int(input())
        values = list(map(int, input().split())) if n > 0 else []
        tails = []
        for value in values:
            place = place_of(tails, value)
            if place == len(tails):
                tails.append(value)
            else:
                tails[place] = value
        print(len(tails))
        """,
        visible=["8\n10 9 2 5 3 7 101 18", "4\n7 7 7 7", "6\n0 1 0 3 2 3"],
        hidden=[
            "0\n\n",
            "1\n5",
            "5\n5 4 3 2 1",
            "5\n1 2 3 4 5",
            "7\n-3 -2 -2 -1 0 0 1",
            "10\n3 10 2 1 20 4 5 6 0 7",
            "100\n" + " ".join(str((i * 61) % 100) for i in range(100)),
        ],
    ),
    Draft(
        "edit-distance",
        """
        How many single-character insertions, deletions and replacements does it take, at least, to turn one word
        into another?

        Input: two lines, one word each; a line may be empty. Words have at most 200 characters and hold no spaces.
        Output: the smallest number of edits.
        """,
        """
        first = input()
        second = input()
        previous = list(range(len(second) + 1))
        for i, left in enumerate(first, start=1):
            current = [i]
            for j, right in enumerate(second, start=1):
                replaced = previous[j - 1] + (left != right)
                current.append(min(previous[j] + 1, current[j - 1] + 1, replaced))
            previous = current
        print(previous[-1])
        """,
        visible=["kitten\nsitting", "abc\nabc", "flaw\nlawn"],
        hidden=[
            "\nabc",
            "abcd\n\n",
            "\n\n",
            "intention\nexecution",
            "aaaa\naa",
            "Case\ncase",
            "abcdefghij\njihgfedcba",
        ],
    ),
    Draft(
        "knapsack",
        """
        A knapsack bears a limited weight. Each item may be packed once or left. What is the greatest total value?

        Input: the first line holds n and the capacity c (0 <= n <= 100, 0 <= c <= 5000). Each of the next n lines
        holds the weight and the value of an item (weight >= 1, value >= 0).
        Output: the greatest total value of items whose total weight is at most c.
        """,
        """
        n, capacity = map(int, input().split())
        best = [0] * (capacity + 1)
        for _ in range(n):
            weight, value = map(int, input().split())
            for room in range(capacity, weight - 1, -1):
                best[room] = max(best[room], best[room - weight] + value)
        print(best[capacity])
        """,
        visible=["3 5\n2 3\n3 4\n4 5", "1 1\n2 10", "4 10\n5 10\n4 40\n6 30\n3 50"],
        hidden=[
            "0 10",
            "2 0\n1 5\n1 6",
            "1 3\n3 7",
            "3 6\n3 5\n3 5\n3 5",
            "3 3\n1 0\n1 0\n1 0",
            "5 11\n1 1\n2 6\n5 18\n6 22\n7 28",
            "3 50\n10 60\n20 100\n30 120",
        ],
    ),
    Draft(
        "cheapest-descent",
        """
        Walk through a table of numbers from the top left to the bottom right cell, each step one cell to the right
        or one cell down. The cost of a walk is the sum of all cells on it, both ends included.

        Input: the first line holds r and c (1 <= r, c <= 100), each of the next r lines c integers.
        Output: the smallest cost.
        """,
        """
        rows, columns = map(int, input().split())
        cost = []
        for r in range(rows):
            line = list(map(int, input().split()))
            for c in range(columns):
                if r == 0 and c == 0:
                    continue
                above = cost[r - 1][c] if r > 0 else None
                left = line[c - 1] if c > 0 else None
                if above is None:
                    line[c] += left
                elif left is None:
                    line[c] += above
                else:
                    line[c] += min(above, left)
            cost.append(line)
        print(cost[-1][-1])
        """,
        visible=["2 2\n1 2\n3 4", "3 3\n1 3 1\n1 5 1\n4 2 1", "1 4\n1 2 3 4"],
        hidden=[
            "1 1\n-5",
            "4 1\n1\n2\n3\n4",
            "2 3\n1 -10 2\n3 4 5",
            "3 3\n0 0 0\n0 9 0\n0 0 0",
            "2 2\n5 1\n1 5",
            "3 4\n1 9 9 9\n1 1 1 9\n9 9 1 1",
            "4 4\n-1 -1 -1 -1\n-1 5 5 -1\n-1 5 5 -1\n-1 -1 -1 -1",
        ],
    ),
    Draft(
        "no-two-neighbours",
        """
        Write `best_loot(houses)`: choose houses of a street so that no two chosen ones are neighbours, and return
        the greatest possible sum of their values. All values are >= 0; choosing nothing gives 0.
        """,
        """
        def best_loot(houses):
            with_last, without_last = 0, 0
            for value in houses:
                with_last, without_last = without_last + value, max(with_last, without_last)
            return max(with_last, without_last)
        """,
        visible=[([2, 7, 9, 3, 1],), ([1, 2, 3, 1],), ([5],)],
        hidden=[
            ([],),
            ([0, 0, 0],),
            ([2, 1, 1, 2],),
            ([10, 1],),
            ([1, 10],),
            ([4, 1, 1, 9, 1],),
            ([i * i % 17 for i in range(60)],),
        ],
        fn_name="best_loot",
    ),
    Draft(
        "common-subsequence",
        """
        A subsequence of a text is what remains after deleting any of its characters. Find the length of the longest
        text that is a subsequence of both given lines. Spaces are characters like any other; the line end is not
        part of a line.

        Input: two lines of at most 300 characters each.
        Output: the length.
        """,
        """
        from functools import lru_cache

        first = input()
        second = input()


        @lru_cache(maxsize=None)
        def longest(i, j):
            if i == len(first) or j == len(second):
                return 0
            if first[i] == second[j]:
                return longest(i + 1, j + 1) + 1
            return max(longest(i + 1, j), longest(i, j + 1))


        print(longest(0, 0))
        """,
        visible=["abcde\nace", "abc\nabc", "abc\nxyz"],
        hidden=[
            "\nabc",
            "\n\n",
            "AGGTAB\nGXTXAYB",
            "the cat\nthat ct",
            "aaaa\naa",
            "banana bread\nnab a bad",
            "abcABC\nABCabc",
        ],
    ),
    Draft(
        "rain-between-walls",
        """
        Walls of width 1 stand side by side. After heavy rain, water stands wherever it cannot run off to the left
        or to the right. Write `trapped_water(heights)`: how many units of water are held. Heights are integers >= 0.
        """,
        """
        def trapped_water(heights):
            left, right = 0, len(heights) - 1
            left_wall = right_wall = 0
            water = 0
            while left < right:
                if heights[left] <= heights[right]:
                    left_wall = max(left_wall, heights[left])
                    water += left_wall - heights[left]
                    left += 1
                else:
                    right_wall = max(right_wall, heights[right])
                    water += right_wall - heights[right]
                    right -= 1
            return water
        """,
        visible=[([0, 1, 0, 2, 1, 0, 1, 3, 2, 1, 2, 1],), ([3, 0, 2],), ([1, 2, 3],)],
        hidden=[
            ([],),
            ([5],),
            ([2, 2],),
            ([4, 2, 0, 3, 2, 5],),
            ([5, 4, 3, 2, 1],),
            ([9, 0, 0, 0, 9],),
            ([0, 0, 0],),
            ([6, 1, 4, 1, 6, 1, 4, 1],),
        ],
        fn_name="trapped_water",
    ),
)
