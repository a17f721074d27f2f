"""Whole numbers: sequences, digits and divisors."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "factorial",
        """
        Input: an integer n (-100 <= n <= 500).
        Output: n! = 1 * 2 * ... * n (0! is 1), or `undefined` if n is negative.
        """,
        """
        def factorial(n):
            if n == 0:
                return 1
            return n * factorial(n - 1)


        n = int(input())
        if n < 0:
            print("undefined")
        else:
            print(factorial(n))
        """,
        visible=["5", "0", "-3"],
        hidden=["1", "2", "10", "25", "100", "-1", "500"],
    ),
    Draft(
        "fibonacci",
        """
        The Fibonacci numbers are F(0) = 0, F(1) = 1, F(n) = F(n-1) + F(n-2).

        Input: the first line holds q (1 <= q <= 100), the second line q integers n (0 <= n <= 300).
        Output: F(n) for each n, one per line.
        """,
        """
        known = {0: 0, 1: 1}


        def fibonacci(n):
            if n not in known:
                known[n] = fibonacci(n - 1) + fibonacci(n - 2)
            return known[n]


        q = int(input())
        for word in input().split():
            print(fibonacci(int(word)))
        """,
        visible=["4\n0 1 2 10", "1\n30", "3\n5 5 3"],
        hidden=["1\n0", "1\n1", "2\n2 1", "5\n7 6 5 4 3", "1\n100", "3\n90 93 94", "1\n300"],
    ),
    Draft(
        "prime-check",
        """
        Write `is_prime(n)`: whether the integer n has exactly two positive divisors, 1 and itself.
        n may be anything from -10**12 to 10**12. Return true or false.
        """,
        """
        def is_prime(n):
            if n < 2:
                return False
            if n % 2 == 0:
                return n == 2
            divisor = 3
            while divisor * divisor <= n:
                if n % divisor == 0:
                    return False
                divisor += 2
            return True
        """,
        visible=[(7,), (9,), (1,), (2,)],
        hidden=[(0,), (-7,), (3,), (4,), (25,), (97,), (91,), (1000003,), (999999000001,), (1000006000009,)],
        fn_name="is_prime",
    ),
    Draft(
        "array-sum",
        """
        Input: the first line holds n (0 <= n <= 100000), the following lines hold n integers in all, any number of
        them on each line.
        Output: their sum.
        """,
        """
        import sys

        words = sys.stdin.read().split()
        n = int(words[0])
        total = 0
        for i in range(1, n + 1):
            total += int(words[i])
        print(total)
        """,
        visible=["3\n1 2 3", "4\n1\n2\n3\n4", "2\n-5 5"],
        hidden=[
            "0",
            "1\n-42",
            "5\n1 2\n\n3 4\n5",
            "3\n1000000000000 1000000000000 1",
            "4\n  7   7 \n 7 7",
            "100\n" + " ".join(str(i) for i in range(-40, 60)),
        ],
    ),
    Draft(
        "gcd-and-lcm",
        """
        Input: the first line holds n (1 <= n <= 100), the second line n positive integers.
        Output: the greatest common divisor and the least common multiple of all of them, separated by a space.
        """,
        """
        def gcd(a, b):
            if b == 0:
                return a
            return gcd(b, a % b)


        n = int(input())
        numbers = list(map(int, input().split()))
        divisor = numbers[0]
        multiple = numbers[0]
        for number in numbers[1:]:
            divisor = gcd(divisor, number)
            multiple = multiple * number // gcd(multiple, number)
        print(divisor, multiple)
        """,
        visible=["2\n4 6", "3\n2 3 5", "1\n9"],
        hidden=["1\n1", "2\n7 7", "4\n12 18 24 36", "3\n1 1 1", "2\n1000000007 998244353", "5\n100 10 1 1000 25"],
    ),
    Draft(
        "count-primes",
        """
        Write `count_primes(low, high)`: how many primes p with low <= p <= high there are. Both are integers up to
        200000; they may be negative, and `low` may be greater than `high` (then the answer is 0).
        """,
        """
        def count_primes(low, high):
            if high < 2:
                return 0
            composite = [False] * (high + 1)
            count = 0
            for number in range(2, high + 1):
                if composite[number]:
                    continue
                if number >= low:
                    count += 1
                for multiple in range(number * number, high + 1, number):
                    composite[multiple] = True
            return count
        """,
        visible=[(1, 10), (10, 20), (14, 16)],
        hidden=[(-5, 1), (2, 2), (3, 2), (0, 100), (97, 97), (90, 96), (1, 100000), (-10, 7)],
        fn_name="count_primes",
    ),
    Draft(
        "prime-factors",
        """
        Input: an integer n (1 <= n <= 10**12).
        Output: n written as a product of prime powers in ascending order of the primes, such as `2^3 * 5`; the
        exponent 1 is left out. For n = 1 print `1`.
        """,
        """
        n = int(input())
        parts = []
        divisor = 2
        while divisor * divisor <= n:
            exponent = 0
            while n % divisor == 0:
                n //= divisor
                exponent += 1
            if exponent == 1:
                parts.append(str(divisor))
            elif exponent > 1:
                parts.append(f"{divisor}^{exponent}")
            divisor += 1
        if n > 1 or not parts:
            parts.append(str(n))
        print(" * ".join(parts))
        """,
        visible=["40", "7", "36"],
        hidden=["1", "2", "1024", "97", "1001", "999966000289", "600851475143", "49"],
    ),
    Draft(
        "number-kind",
        """
        A positive integer is perfect if the sum of its proper divisors (all positive divisors but itself) equals it,
        abundant if the sum is greater, deficient if it is smaller.

        Input: the first line holds n (1 <= n <= 100), the second line n integers (1 to 1000000).
        Output: for each a line `x is perfect`, `x is abundant` or `x is deficient`, x being the number.
        """,
        """
        def divisor_sum(number):
            if number == 1:
                return 0
            total = 1
            divisor = 2
            while divisor * divisor <= number:
                if number % divisor == 0:
                    total += divisor
                    if divisor != number // divisor:
                        total += number // divisor
                divisor += 1
            return total


        n = int(input())
        for word in input().split():
            number = int(word)
            total = divisor_sum(number)
            if total == number:
                kind = "perfect"
            elif total > number:
                kind = "abundant"
            else:
                kind = "deficient"
            print(number, "is", kind)
        """,
        visible=["3\n6 12 7", "1\n1", "2\n28 36"],
        hidden=["2\n2 4", "3\n496 8128 495", "2\n945 946", "1\n999983", "4\n16 18 20 25", "1\n1000000"],
    ),
    Draft(
        "collatz",
        """
        Start with n; while it is not 1, halve it if it is even, else replace it by 3n + 1.

        Input: an integer n (1 <= n <= 1000000).
        Output: the number of replacements until 1 is reached, and the greatest number met (n included), separated
        by a space.
        """,
        """
        n = int(input())
        steps = 0
        greatest = n
        while n != 1:
            if n % 2 == 0:
                n //= 2
            else:
                n = 3 * n + 1
            steps += 1
            if n > greatest:
                greatest = n
        print(steps, greatest)
        """,
        visible=["6", "1", "16"],
        hidden=["2", "3", "7", "27", "97", "1000000", "837799"],
    ),
    Draft(
        "digital-root",
        """
        Add up the digits of a number, then the digits of the sum, and so on until one digit is left.

        Input: a non-negative integer of up to 2000 digits, perhaps with leading zeros.
        Output: the digit that is left and the number of times digits were added up (0 if the number, without
        leading zeros, has one digit), separated by a space.
        """,
        """
        def digit_sum(digits):
            return sum(int(digit) for digit in digits)


        digits = input().strip().lstrip("0") or "0"
        rounds = 0
        while len(digits) > 1:
            digits = str(digit_sum(digits))
            rounds += 1
        print(digits, rounds)
        """,
        visible=["942", "7", "00019"],
        hidden=["0", "0000", "10", "99", "199", "9" * 1200, "123456789012345678901234567890"],
    ),
)
