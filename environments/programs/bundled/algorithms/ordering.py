"""Sorting, searching and choosing."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "bubble-sort",
        """
        Sort a list with bubble sort: sweep over the list again and again, swapping two neighbours whenever the left
        one is greater than the right one, until a sweep swaps nothing.

        Input: the first line holds n (0 <= n <= 200), the second line n integers.
        Output: the sorted list on one line, separated by single spaces (an empty line if n is 0), then on the next
        line the number of swaps that were made.
        """,
        """
        n = int(input())
        values = list(map(int, input().split())) if n else []
        swaps = 0
        swapped = True
        while swapped:
            swapped = False
            for i in range(len(values) - 1):
                if values[i] > values[i + 1]:
                    values[i], values[i + 1] = values[i + 1], values[i]
                    swaps += 1
                    swapped = True
        print(*values)
        print(swaps)
        """,
        visible=["5\n5 1 4 2 8", "3\n3 2 1", "4\n1 2 3 4"],
        hidden=[
            "0\n\n",
            "1\n7",
            "6\n2 2 2 1 1 1",
            "5\n-3 10 -20 0 -3",
            "2\n1000000000 -1000000000",
            "10\n9 8 7 6 5 4 3 2 1 0",
            "8\n1 3 2 4 6 5 8 7",
        ],
    ),
    Draft(
        "leftmost-position",
        """
        A sorted list may hold a number several times. For each query say where the number stands first.

        Input: the first line holds n and q (0 <= n <= 10000, 1 <= q <= 1000). The second line holds n integers in
        non-decreasing order (the line is empty if n is 0), the third line holds the q queried numbers.
        Output: for each query, on a line of its own, the smallest index (counted from 0) at which the number
        stands, or -1 if it is not in the list.
        """,
        """
        def leftmost(values, wanted):
            low, high = 0, len(values)
            while low < high:
                middle = (low + high) // 2
                if values[middle] < wanted:
                    low = middle + 1
                else:
                    high = middle
            if low < len(values) and values[low] == wanted:
                return low
            return -1


        n, q = map(int, input().split())
        values = [int(word) for word in input().split()]
        for word in input().split():
            print(leftmost(values, int(word)))
        """,
        visible=["5 3\n1 3 3 5 9\n3 4 9", "1 2\n7\n7 8", "6 2\n2 2 2 2 2 2\n2 1"],
        hidden=[
            "0 2\n\n1 0",
            "4 4\n-5 -5 0 5\n-5 5 0 6",
            "2 3\n1 2\n2 1 3",
            "7 3\n1 2 4 4 4 6 7\n4 5 7",
            "3 2\n-1000000000 0 1000000000\n1000000000 -1000000000",
            "10 5\n0 1 2 3 4 5 6 7 8 9\n0 9 5 10 -1",
            "1000 3\n" + " ".join(str(i // 3) for i in range(1000)) + "\n0 333 200",
        ],
    ),
    Draft(
        "merge-intervals",
        """
        Join closed intervals of integers that share at least one point, so that none of the results share a point.
        [1, 3] and [3, 5] share a point; [1, 3] and [4, 5] do not.

        Write `merge_intervals(intervals)`: `intervals` is a list of pairs [start, end] with start <= end, in any
        order. Return the joined intervals as a list of pairs, by ascending start.
        """,
        """
        def merge_intervals(intervals):
            merged = []
            for start, end in sorted(intervals):
                if merged and start <= merged[-1][1]:
                    merged[-1][1] = max(merged[-1][1], end)
                else:
                    merged.append([start, end])
            return merged
        """,
        visible=[([[1, 3], [2, 6], [8, 10]],), ([[1, 3], [3, 5]],), ([[5, 6], [1, 2]],)],
        hidden=[
            ([],),
            ([[4, 4]],),
            ([[1, 10], [2, 3], [4, 5]],),
            ([[1, 3], [4, 5]],),
            ([[-5, -1], [-3, 0], [0, 0], [2, 2]],),
            ([[7, 7], [7, 7], [7, 7]],),
            ([[9, 12], [0, 20], [21, 22], [20, 21]],),
        ],
        fn_name="merge_intervals",
    ),
    Draft(
        "two-sum-pair",
        """
        Write `two_sum(numbers, target)`: find two different positions i < j with numbers[i] + numbers[j] == target.
        Return [i, j] for the pair with the smallest j; if several pairs have that j, the one with the smallest i.
        Return an empty list if there is no pair.
        """,
        """
        def two_sum(numbers, target):
            first_at = {}
            for j, number in enumerate(numbers):
                i = first_at.get(target - number)
                if i is not None:
                    return [i, j]
                if number not in first_at:
                    first_at[number] = j
            return []
        """,
        visible=[([2, 7, 11, 15], 9), ([3, 3], 6), ([1, 2, 3], 10)],
        hidden=[
            ([], 0),
            ([5], 10),
            ([1, 1, 1, 3], 4),
            ([-3, 4, 3, 90], 0),
            ([0, 4, 3, 0], 0),
            ([2, 4, 6, 8, 10], 14),
            ([10**12, 1, -(10**12)], 0),
        ],
        fn_name="two_sum",
    ),
    Draft(
        "non-overlapping-talks",
        """
        Talks are given in one hall. A talk that starts at s and ends at e uses the hall from s to e; another may
        start at the very minute e. What is the greatest number of talks one can hear in full?

        Input: the first line holds n (0 <= n <= 1000), each of the next n lines holds s and e (0 <= s < e <= 10000).
        Output: the greatest number of talks.
        """,
        """
        def most_talks(talks):
            talks.sort(key=lambda talk: talk[1])
            free_at = 0
            heard = 0
            for start, end in talks:
                if start >= free_at:
                    heard += 1
                    free_at = end
            return heard


        n = int(input())
        talks = []
        for _ in range(n):
            start, end = map(int, input().split())
            talks.append((start, end))
        print(most_talks(talks))
        """,
        visible=["3\n1 3\n2 4\n3 5", "2\n1 10\n2 3", "4\n0 1\n1 2\n2 3\n3 4"],
        hidden=[
            "0",
            "1\n5 6",
            "3\n1 2\n1 2\n1 2",
            "5\n0 100\n10 20\n20 30\n25 35\n30 40",
            "6\n1 4\n3 5\n0 6\n5 7\n8 9\n5 9",
            "2\n3 5\n0 3",
            "4\n7 9\n1 9\n2 3\n3 10",
        ],
    ),
    Draft(
        "next-permutation",
        """
        Write `next_permutation(numbers)`: of all orders of the given list, sorted as sequences, return the one that
        comes right after the given order. If the given order is the last one, return the first one (ascending).
        Equal numbers count as equal. The argument has at most 50 elements and may be empty.
        """,
        """
        def next_permutation(numbers):
            result = list(numbers)
            pivot = len(result) - 2
            while pivot >= 0 and result[pivot] >= result[pivot + 1]:
                pivot -= 1
            if pivot >= 0:
                other = len(result) - 1
                while result[other] <= result[pivot]:
                    other -= 1
                result[pivot], result[other] = result[other], result[pivot]
            result[pivot + 1 :] = reversed(result[pivot + 1 :])
            return result
        """,
        visible=[([1, 2, 3],), ([1, 3, 2],), ([3, 2, 1],)],
        hidden=[
            ([],),
            ([4],),
            ([1, 1, 5],),
            ([1, 5, 1],),
            ([2, 2, 2],),
            ([-1, 0, -2],),
            ([1, 2, 7, 6, 5, 4, 3],),
        ],
        fn_name="next_permutation",
    ),
    Draft(
        "rotated-search",
        """
        A list of different integers was sorted in ascending order and then rotated: some of its front (perhaps
        nothing) was moved to its end. Write `find_rotated(values, wanted)`: return the index of `wanted` in the
        rotated list, or -1 if it is not there.
        """,
        """
        def find_rotated(values, wanted):
            low, high = 0, len(values) - 1
            while low <= high:
                middle = (low + high) // 2
                if values[middle] == wanted:
                    return middle
                if values[low] <= values[middle]:
                    if values[low] <= wanted < values[middle]:
                        high = middle - 1
                    else:
                        low = middle + 1
                elif values[middle] < wanted <= values[high]:
                    low = middle + 1
                else:
                    high = middle - 1
            return -1
        """,
        visible=[([4, 5, 6, 7, 0, 1, 2], 0), ([4, 5, 6, 7, 0, 1, 2], 3), ([1, 2, 3], 3)],
        hidden=[
            ([], 1),
            ([1], 1),
            ([1], 0),
            ([2, 1], 1),
            ([2, 1], 2),
            ([5, 1, 3], 5),
            ([6, 7, 8, 9, 1, 2, 3, 4, 5], 5),
            ([-1, -5, -4, -3], -3),
        ],
        fn_name="find_rotated",
    ),
    Draft(
        "ranking-with-ties",
        """
        Print a ranking of players. More points come first; players with equal points are ordered by name
        (by character code) and share the rank, which is one more than the number of players with more points.

        Input: the first line holds n (1 <= n <= 500), each of the next n lines a name (letters only, all different)
        and an integer.
        Output: one line per player: the rank, the name and the points, separated by single spaces.
        """,
        """
        n = int(input())
        players = []
        for _ in range(n):
            name, points = input().split()
            players.append((-int(points), name))
        players.sort()
        rank = 0
        previous = None
        for position, (negative, name) in enumerate(players, start=1):
            if negative != previous:
                rank = position
                previous = negative
            print(rank, name, -negative)
        """,
        visible=["3\nann 10\nbob 20\ncid 10", "1\nzoe 0", "2\nb 5\na 5"],
        hidden=[
            "4\na 1\nb 1\nc 1\nd 1",
            "5\nZed 3\nadam 3\nBea 9\ncarl 1\nDora 3",
            "3\nx -5\ny -4\nz 0",
            "2\nlow -100\nhigh 100",
            "6\nf 6\ne 5\nd 4\nc 3\nb 2\na 1",
            "4\na 7\nb 7\nc 3\nd 3",
        ],
    ),
    Draft(
        "kth-distinct-smallest",
        """
        Input: the first line holds n and k (1 <= n <= 2000, 1 <= k <= 2000), the second line n integers.
        Output: the k-th smallest among the different values, or the word `none` if there are fewer than k different
        values.
        """,
        """
        import heapq


        def kth_smallest(values, k):
            heap = list(set(values))
            if k > len(heap):
                return None
            heapq.heapify(heap)
            for _ in range(k - 1):
                heapq.heappop(heap)
            return heap[0]


        n, k = map(int, input().split())
        answer = kth_smallest([int(word) for word in input().split()], k)
        print("none" if answer is None else answer)
        """,
        visible=["5 2\n4 1 1 3 2", "3 2\n7 7 7", "4 4\n9 8 7 6"],
        hidden=[
            "1 1\n0",
            "1 2\n0",
            "6 3\n-1 -1 -2 -3 -3 0",
            "5 5\n1 2 3 4 5",
            "5 6\n1 2 3 4 5",
            "8 1\n3 3 1 1 2 2 0 0",
            "3 3\n1000000000 -1000000000 0",
        ],
    ),
)
