"""Graphs, grids and backtracking."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "maze-steps",
        """
        A maze is drawn with `#` for walls and `.` for free cells; `S` is the start and `E` the exit, both free.
        A step goes one cell up, down, left or right.

        Input: the first line holds r and c (1 <= r, c <= 100), the next r lines are the maze, c characters each.
        It has exactly one S and one E.
        Output: the smallest number of steps from S to E, or -1 if there is no way.
        """,
        """
        from collections import deque

        rows, columns = map(int, input().split())
        maze = [input() for _ in range(rows)]
        for r in range(rows):
            for c in range(columns):
                if maze[r][c] == "S":
                    start = (r, c)
        steps = {start: 0}
        queue = deque([start])
        answer = -1
        while queue:
            r, c = queue.popleft()
            if maze[r][c] == "E":
                answer = steps[(r, c)]
                break
            for dr, dc in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                nr, nc = r + dr, c + dc
                if 0 <= nr < rows and 0 <= nc < columns and maze[nr][nc] != "#" and (nr, nc) not in steps:
                    steps[(nr, nc)] = steps[(r, c)] + 1
                    queue.append((nr, nc))
        print(answer)
        """,
        visible=["3 3\nS.#\n..#\n#.E", "1 3\nS#E", "2 5\nS...E\n....."],
        hidden=[
            "1 2\nSE",
            "1 2\nES",
            "2 1\nE\nS",
            "3 3\nS##\n###\n##E",
            "4 4\nS...\n###.\nE...\n####",
            "5 5\n.....\n.###.\n.#S#.\n.#.#.\n...#E",
            "5 7\nS#...#E\n.#.#.#.\n.#.#.#.\n.#.#.#.\n...#...",
        ],
    ),
    Draft(
        "shortest-roads",
        """
        Towns are numbered 1 to n; roads run in both directions and have a length of at least 1.

        Input: the first line holds n and m (1 <= n <= 500, 0 <= m <= 5000); each of the next m lines holds a, b and
        a length. There may be several roads between two towns, and roads from a town to itself.
        Output: n integers on one line, separated by single spaces: the length of the shortest way from town 1 to
        each town 1, 2, ..., n; -1 where there is no way.
        """,
        """
        import heapq

        n, m = map(int, input().split())
        roads = {town: [] for town in range(1, n + 1)}
        for _ in range(m):
            a, b, length = map(int, input().split())
            roads[a].append((b, length))
            roads[b].append((a, length))
        distance = {}
        heap = [(0, 1)]
        while heap:
            far, town = heapq.heappop(heap)
            if town in distance:
                continue
            distance[town] = far
            for neighbour, length in roads[town]:
                if neighbour not in distance:
                    heapq.heappush(heap, (far + length, neighbour))
        print(*[distance.get(town, -1) for town in range(1, n + 1)])
        """,
        visible=["3 3\n1 2 4\n2 3 1\n1 3 7", "2 0", "4 3\n1 2 1\n2 3 1\n3 4 1"],
        hidden=[
            "1 0",
            "1 1\n1 1 5",
            "2 3\n1 2 9\n2 1 3\n1 2 5",
            "5 4\n2 3 1\n3 4 1\n4 5 1\n2 5 9",
            "4 5\n1 2 10\n1 3 1\n3 2 1\n2 4 1\n3 4 100",
            "6 6\n1 2 7\n2 3 7\n3 6 7\n1 4 1\n4 5 1\n5 6 30",
            "3 1\n3 1 1000000000",
        ],
    ),
    Draft(
        "build-order",
        """
        Parts 1 to n of a machine must be mounted one at a time; a rule "a b" says that a comes before b.

        Input: the first line holds n and m (1 <= n <= 1000, 0 <= m <= 5000), each of the next m lines a rule.
        A rule may stand several times.
        Output: the order as n integers on one line; among all allowed orders the smallest one, compared number by
        number. If no order is allowed, print `impossible`.
        """,
        """
        import heapq

        n, m = map(int, input().split())
        followers = [[] for _ in range(n + 1)]
        waiting = [0] * (n + 1)
        for _ in range(m):
            a, b = map(int, input().split())
            followers[a].append(b)
            waiting[b] += 1
        ready = [part for part in range(1, n + 1) if waiting[part] == 0]
        heapq.heapify(ready)
        order = []
        while ready:
            part = heapq.heappop(ready)
            order.append(part)
            for follower in followers[part]:
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    heapq.heappush(ready, follower)
        if len(order) == n:
            print(*order)
        else:
            print("impossible")
        """,
        visible=["3 2\n3 1\n1 2", "2 2\n1 2\n2 1", "4 0"],
        hidden=[
            "1 0",
            "1 1\n1 1",
            "3 3\n2 1\n2 1\n3 1",
            "5 4\n5 1\n4 2\n3 4\n1 3",
            "4 4\n1 2\n2 3\n3 2\n3 4",
            "6 5\n6 5\n5 4\n4 3\n3 2\n2 1",
            "5 3\n2 1\n4 3\n5 3",
        ],
    ),
    Draft(
        "islands",
        """
        A map shows land as `1` and water as `0`. Land cells that touch along an edge belong to the same island.

        Input: the first line holds r and c (1 <= r, c <= 25), then r lines with c characters each.
        Output: the number of islands and the number of cells of the largest one (0 if there is none), on one line.
        """,
        """
        rows, columns = map(int, input().split())
        land = set()
        for r in range(rows):
            for c, mark in enumerate(input()):
                if mark == "1":
                    land.add((r, c))


        def sink(r, c):
            if (r, c) not in land:
                return 0
            land.remove((r, c))
            return 1 + sink(r + 1, c) + sink(r - 1, c) + sink(r, c + 1) + sink(r, c - 1)


        sizes = []
        while land:
            r, c = next(iter(land))
            sizes.append(sink(r, c))
        print(len(sizes), max(sizes, default=0))
        """,
        visible=["3 3\n110\n000\n011", "2 2\n00\n00", "2 3\n101\n111"],
        hidden=[
            "1 1\n1",
            "1 1\n0",
            "3 3\n101\n010\n101",
            "1 7\n1101101",
            "4 4\n1111\n1001\n1001\n1111",
            "5 1\n1\n1\n0\n1\n0",
            "5 5\n11111\n00001\n11101\n10001\n11111",
        ],
    ),
    Draft(
        "queens",
        """
        In how many ways can n queens stand on an n by n chess board so that none attacks another (no two in one row,
        column or diagonal)? Ways that differ by turning or mirroring the board count separately.

        Input: n (1 <= n <= 9).
        Output: the number of ways.
        """,
        """
        def ways(n, row, columns, rising, falling):
            if row == n:
                return 1
            total = 0
            for column in range(n):
                if column in columns or row + column in rising or row - column in falling:
                    continue
                total += ways(n, row + 1, columns | {column}, rising | {row + column}, falling | {row - column})
            return total


        n = int(input())
        print(ways(n, 0, set(), set(), set()))
        """,
        visible=["1", "4", "6"],
        hidden=["2", "3", "5", "7", "8", "9"],
    ),
    Draft(
        "cable-network",
        """
        Houses 1 to n are to be connected by cables, so that each can be reached from each other one.

        Input: the first line holds n and m (1 <= n <= 500, 0 <= m <= 5000), each of the next m lines holds a, b and
        the price (>= 0) of a cable that could be laid between a and b.
        Output: the lowest total price, or `impossible`.
        """,
        """
        def root(leader, house):
            while leader[house] != house:
                leader[house] = leader[leader[house]]
                house = leader[house]
            return house


        n, m = map(int, input().split())
        cables = []
        for _ in range(m):
            a, b, price = map(int, input().split())
            cables.append((price, a, b))
        leader = list(range(n + 1))
        total = 0
        laid = 0
        for price, a, b in sorted(cables):
            root_a, root_b = root(leader, a), root(leader, b)
            if root_a != root_b:
                leader[root_a] = root_b
                total += price
                laid += 1
        print(total if laid == n - 1 else "impossible")
        """,
        visible=["3 3\n1 2 5\n2 3 1\n1 3 2", "2 0", "4 4\n1 2 1\n2 3 1\n3 4 1\n4 1 1"],
        hidden=[
            "1 0",
            "2 2\n1 2 0\n1 2 5",
            "3 2\n1 1 4\n2 3 1",
            "4 5\n1 2 10\n1 3 6\n1 4 5\n2 4 15\n3 4 4",
            "5 4\n1 2 1\n2 1 1\n3 4 1\n4 5 1",
            "6 7\n1 2 3\n2 3 3\n3 1 3\n4 5 2\n5 6 2\n6 4 2\n3 4 9",
            "2 1\n2 1 1000000000",
        ],
    ),
    Draft(
        "spiral-order",
        """
        Write `spiral(table)`: read a rectangular table from the top left cell inwards, clockwise: first the top row
        to the right, then down the right side, and so on. Return the values as a flat list. The table may have no
        rows.
        """,
        """
        def spiral(table):
            rows = [list(row) for row in table]
            result = []
            while rows:
                result.extend(rows.pop(0))
                rows = [list(column) for column in zip(*rows)][::-1]
            return result
        """,
        visible=[([[1, 2, 3], [4, 5, 6], [7, 8, 9]],), ([[1, 2], [3, 4], [5, 6]],), ([[1, 2, 3]],)],
        hidden=[
            ([],),
            ([[5]],),
            ([[1], [2], [3]],),
            ([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]],),
            ([[0, 0], [0, 0]],),
            ([["a", "b"], ["c", "d"]],),
            ([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]],),
        ],
        fn_name="spiral",
    ),
    Draft(
        "game-of-life",
        """
        One step of the game of life. A living cell (`*`) stays alive if 2 or 3 of its 8 neighbours are alive, else
        it dies. A dead cell (`.`) comes alive if exactly 3 neighbours are alive. Cells outside the field are dead.

        Input: the first line holds r, c and the number of steps t (1 <= r, c <= 20, 0 <= t <= 20), then r lines with
        c characters each.
        Output: the field after t steps, r lines.
        """,
        """
        def neighbours(alive, r, c):
            count = 0
            for dr in (-1, 0, 1):
                for dc in (-1, 0, 1):
                    if (dr or dc) and (r + dr, c + dc) in alive:
                        count += 1
            return count


        rows, columns, steps = map(int, input().split())
        alive = set()
        for r in range(rows):
            line = input()
            for c in range(columns):
                if line[c] == "*":
                    alive.add((r, c))
        for _ in range(steps):
            born = set()
            for r in range(rows):
                for c in range(columns):
                    count = neighbours(alive, r, c)
                    if count == 3 or (count == 2 and (r, c) in alive):
                        born.add((r, c))
            alive = born
        for r in range(rows):
            print("".join("*" if (r, c) in alive else "." for c in range(columns)))
        """,
        visible=["3 3 1\n...\n***\n...", "2 2 5\n**\n**", "1 3 1\n***"],
        hidden=[
            "3 3 0\n*.*\n.*.\n*.*",
            "1 1 1\n*",
            "3 3 1\n***\n***\n***",
            "3 3 2\n...\n***\n...",
            "5 5 4\n.*...\n..*..\n***..\n.....\n.....",
            "4 4 1\n*..*\n....\n....\n*..*",
            "4 6 3\n......\n.***..\n..***.\n......",
        ],
    ),
    Draft(
        "fewest-jumps",
        """
        On stone i (counted from 0) stands a number: the greatest number of stones one may jump ahead from there.
        Write `fewest_jumps(stones)`: the smallest number of jumps from the first stone to the last one, or -1 if it
        cannot be reached. With one stone the answer is 0. There is at least one stone; numbers are >= 0.
        """,
        """
        def fewest_jumps(stones):
            jumps = 0
            reached = 0
            farthest = 0
            for i in range(len(stones) - 1):
                farthest = max(farthest, i + stones[i])
                if i == reached:
                    if farthest == reached:
                        return -1
                    jumps += 1
                    reached = farthest
            return jumps
        """,
        visible=[([2, 3, 1, 1, 4],), ([3, 2, 1, 0, 4],), ([1, 1, 1],)],
        hidden=[
            ([0],),
            ([0, 1],),
            ([1, 0],),
            ([10, 0, 0, 0],),
            ([2, 0, 0],),
            ([1, 2, 0, 0, 5],),
            ([4, 1, 1, 3, 1, 1, 1],),
        ],
        fn_name="fewest_jumps",
    ),
)
