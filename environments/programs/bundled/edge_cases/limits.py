"""Rounding, wrapping, borders and equal shares."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "clamp-values",
        """
        Write `clamp_all(values, low, high)`: replace each value below the range by its lower bound and each above it
        by its upper bound. `low` and `high` may come in either order, and either may be null (None): then there is
        no bound on that side; the bounds are only put in order if both are given.
        """,
        """
        def clamp_all(values, low, high):
            if low is not None and high is not None and low > high:
                low, high = high, low
            result = []
            for value in values:
                if low is not None and value < low:
                    value = low
                if high is not None and value > high:
                    value = high
                result.append(value)
            return result
        """,
        visible=[([1, 5, 9], 2, 8), ([1, 5, 9], 8, 2), ([-3, 3], None, 0)],
        hidden=[([], 1, 2), ([0, 0], 0, 0), ([5], None, None), ([-9, 9], 0, None), ([7, 8], 8, 8), ([3, -3], 2, -2)],
        fn_name="clamp_all",
    ),
    Draft(
        "clock-difference",
        """
        Input: any number of lines, each with two times of day `HH:MM` (00:00 to 23:59): a start and an end. If the
        end is earlier than the start, it is on the next day; equal times mean exactly one day.
        Output: for each line the time between them as `H:MM` (hours without leading zeros, minutes with two
        digits); then a line with the total in the same form. Without lines the total is `0:00`.
        """,
        """
        import sys


        def minutes_of(text):
            hours, minutes = text.split(":")
            return int(hours) * 60 + int(minutes)


        def written(minutes):
            return f"{minutes // 60}:{minutes % 60:02d}"


        total = 0
        for line in sys.stdin:
            start, end = line.split()
            between = minutes_of(end) - minutes_of(start)
            if between <= 0:
                between += 24 * 60
            total += between
            print(written(between))
        print(written(total))
        """,
        visible=["09:00 17:30", "23:50 00:10\n00:00 00:01", "12:00 12:00"],
        hidden=[
            "",
            "00:00 23:59",
            "23:59 00:00",
            "10:05 10:04",
            "08:00 12:00\n13:00 17:00\n18:00 02:30",
            "00:00 00:00",
        ],
    ),
    Draft(
        "split-the-bill",
        """
        A bill is shared by n people, exactly to the cent: everybody pays the same, but the first ones pay one cent
        more where the amount cannot be shared evenly.

        Input: the amount, written with exactly two digits after the point (0.00 to 1000000000.00), and n
        (1 <= n <= 1000), on one line.
        Output: one line per different share, the higher first: `k x A`, where k people pay the amount A (written
        with two digits after the point).
        """,
        """
        def written(cents):
            return f"{cents // 100}.{cents % 100:02d}"


        amount, people = input().split()
        people = int(people)
        whole, fraction = amount.split(".")
        cents = int(whole) * 100 + int(fraction)
        share = cents // people
        more = cents % people
        if more > 0:
            print(f"{more} x {written(share + 1)}")
        print(f"{people - more} x {written(share)}")
        """,
        visible=["10.00 3", "9.99 3", "0.05 2"],
        hidden=["0.00 4", "0.01 5", "100.00 1", "1000000000.00 7", "0.29 1", "12.34 1000", "2.00 3"],
    ),
    Draft(
        "covered-length",
        """
        Write `covered(ranges)`: `ranges` is a list of pairs [a, b] of integers in either order; each covers the
        number line from the smaller to the greater of the two. Return the total length covered; what is covered
        several times counts once.
        """,
        """
        def covered(ranges):
            ordered = sorted([min(a, b), max(a, b)] for a, b in ranges)
            total = 0
            reached = None
            for start, end in ordered:
                if reached is None or start > reached:
                    total += end - start
                    reached = end
                elif end > reached:
                    total += end - reached
                    reached = end
            return total
        """,
        visible=[([[1, 3], [2, 5]],), ([[5, 1]],), ([[0, 1], [1, 2]],)],
        hidden=[
            ([],),
            ([[4, 4]],),
            ([[-5, 5], [-1, 1]],),
            ([[3, 1], [10, 8], [2, 9]],),
            ([[0, 0], [0, 0]],),
            ([[1, 2], [4, 3], [6, 5]],),
            ([[-(10**12), 10**12]],),
        ],
        fn_name="covered",
    ),
    Draft(
        "wrapping-sum",
        """
        Input: one line of integers (perhaps none), each from -2147483648 to 2147483647.
        Output: two lines. First the sum as a 32-bit signed register shows it, which starts at 0 and, after each
        addition, jumps from 2147483647 to -2147483648 and the other way round. Then the number of additions after
        which the exact sum of the register's value before and the number added was out of that range.
        """,
        """
        LOWEST, HIGHEST = -(2**31), 2**31 - 1

        register = 0
        jumps = 0
        for word in input().split():
            exact = register + int(word)
            if exact > HIGHEST:
                register = exact - 2**32
                jumps += 1
            elif exact < LOWEST:
                register = exact + 2**32
                jumps += 1
            else:
                register = exact
        print(register)
        print(jumps)
        """,
        visible=["1 2 3", "2147483647 1", "-2147483648 -1 1"],
        hidden=[
            "\n",
            "0",
            "2147483647",
            "2147483647 2147483647 2147483647",
            "-2147483648 -2147483648",
            "2147483647 1 -1",
            "-2147483648",
        ],
    ),
    Draft(
        "bits-of-integers",
        """
        Write `ones(n, width)`: the number of one bits in the two's complement form of the integer n with `width`
        bits (1 <= width <= 64); -1 if n does not fit, that is, if it is not in the range from -2**(width-1) to
        2**(width-1) - 1.
        """,
        """
        def ones(n, width):
            half = 2 ** (width - 1)
            if n < -half or n >= half:
                return -1
            if n < 0:
                n += 2 * half
            count = 0
            while n > 0:
                count += n % 2
                n //= 2
            return count
        """,
        visible=[(5, 8), (-1, 8), (128, 8)],
        hidden=[(0, 1), (-1, 1), (1, 1), (-128, 8), (127, 8), (-129, 8), (-1, 64), (2**62, 64), (-6, 4)],
        fn_name="ones",
    ),
    Draft(
        "seats",
        """
        Seats of a council are shared out by votes. Each party first gets the whole part of seats * votes / all votes.
        The seats left go one each to the parties with the greatest remainders of that division; of equal remainders
        the party named earlier comes first.

        Input: the first line holds the number of seats and the number n of parties (0 <= seats <= 1000,
        1 <= n <= 50), each of the next n lines a name and its votes (0 to 10**9).
        Output: for each party, in the order of the input, a line with its name and its seats. If there are no votes
        at all, print only `no votes`.
        """,
        """
        seats, n = map(int, input().split())
        parties = []
        total = 0
        for _ in range(n):
            name, votes = input().split()
            parties.append((name, int(votes)))
            total += int(votes)
        if total == 0:
            print("no votes")
        else:
            given = []
            remainders = []
            for i, (name, votes) in enumerate(parties):
                given.append(seats * votes // total)
                remainders.append((-(seats * votes % total), i))
            left = seats - sum(given)
            for _, i in sorted(remainders)[:left]:
                given[i] += 1
            for i in range(n):
                print(parties[i][0], given[i])
        """,
        visible=["10 3\nred 50\nblue 30\ngreen 20", "3 2\na 1\nb 1", "5 1\nall 7"],
        hidden=[
            "4 2\na 0\nb 0",
            "0 2\na 3\nb 4",
            "7 3\na 1\nb 1\nc 1",
            "1 3\nx 5\ny 5\nz 4",
            "100 3\na 333333333\nb 333333333\nc 333333334",
            "2 3\na 0\nb 1\nc 0",
        ],
    ),
    Draft(
        "ragged-columns",
        """
        Write `column_maxima(rows)`: `rows` is a list of lists of integers of different lengths. Return for each
        column the greatest value in it; rows that are too short for a column have no part in it. The result is as
        long as the longest row.
        """,
        """
        def column_maxima(rows):
            maxima = []
            for row in rows:
                for column, value in enumerate(row):
                    if column == len(maxima):
                        maxima.append(value)
                    elif value > maxima[column]:
                        maxima[column] = value
            return maxima
        """,
        visible=[([[1, 5], [3]],), ([[1], [2, 0], [0, 0, 7]],), ([[4]],)],
        hidden=[
            ([],),
            ([[]],),
            ([[], [1, 2], []],),
            ([[-5, -1], [-9, -2, -3]],),
            ([[1, 1], [1, 1]],),
            ([[0, 0, 0, 9], [1], [0, 1]],),
        ],
        fn_name="column_maxima",
    ),
    Draft(
        "ordinals",
        """
        Write `ordinal(n)`: an integer with its English ending: 1st, 2nd, 3rd, 4th, ..., but 11th, 12th, 13th (and so
        on for 111, 212, ...). The ending of a negative number is that of its size; 0 is "0th". From 1000 on, groups
        of three digits are separated by commas: "1,001st".
        """,
        """
        def ordinal(n):
            size = abs(n)
            ending = "th"
            if size % 100 not in (11, 12, 13):
                ending = {1: "st", 2: "nd", 3: "rd"}.get(size % 10, "th")
            digits = str(size)
            groups = []
            while len(digits) > 3:
                groups.insert(0, digits[-3:])
                digits = digits[:-3]
            groups.insert(0, digits)
            sign = "-" if n < 0 else ""
            return sign + ",".join(groups) + ending
        """,
        visible=[(1,), (12,), (1001,)],
        hidden=[(0,), (-1,), (23,), (111,), (113,), (1000000,), (-1012,), (999,), (102,), (21,)],
        fn_name="ordinal",
    ),
)
