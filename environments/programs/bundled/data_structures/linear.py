"""Stacks, queues, deques and linked order."""

from environments.programs.bundled.draft import Draft

PROBLEMS = (
    Draft(
        "balanced-brackets",
        """
        A text is balanced if every `(`, `[` and `{` is closed by the bracket of its own kind, in the right order,
        and nothing is closed that was not opened. All other characters are ignored.

        Input: one line (it may be empty).
        Output: `balanced`, or else the position, counted from 1, of the first character at which the text can no
        longer become balanced by adding characters at its end. If brackets remain open at the end, print `open`
        and the number of unclosed brackets, separated by a space.
        """,
        """
        text = input()
        closing = {")": "(", "]": "[", "}": "{"}
        stack = []
        verdict = None
        for position, char in enumerate(text, start=1):
            if char in "([{":
                stack.append(char)
            elif char in closing:
                if not stack or stack.pop() != closing[char]:
                    verdict = position
                    break
        if verdict is not None:
            print(verdict)
        elif stack:
            print("open", len(stack))
        else:
            print("balanced")
        """,
        visible=["([]{})", "(]", "((a)"],
        hidden=["\n", ")", "x + y", "{[()()]}[", "a(b[c)d]", "([{}])]", "(((((((((("],
    ),
    Draft(
        "postfix-calculator",
        """
        Evaluate an expression in postfix notation over integers, with the operators + - * and /. Division drops the
        fraction (it rounds towards zero).

        Input: one line of words separated by single spaces: integers (perhaps with a minus sign) and operators.
        Output: the value; or `error` if an operator lacks operands, if a division by zero occurs, or if not exactly
        one value is left at the end. The line may be empty, which is an error too.
        """,
        """
        def calculate(left, right, operator):
            if operator == "+":
                return left + right
            if operator == "-":
                return left - right
            if operator == "*":
                return left * right
            if right == 0:
                return None
            quotient = abs(left) // abs(right)
            return quotient if (left < 0) == (right < 0) else -quotient


        def evaluate(words):
            stack = []
            for word in words:
                if word not in ("+", "-", "*", "/"):
                    stack.append(int(word))
                    continue
                if len(stack) < 2:
                    return None
                right = stack.pop()
                left = stack.pop()
                value = calculate(left, right, word)
                if value is None:
                    return None
                stack.append(value)
            return stack[0] if len(stack) == 1 else None


        value = evaluate(input().split())
        print("error" if value is None else value)
        """,
        visible=["3 4 + 2 *", "7 -2 /", "1 +"],
        hidden=["\n", "42", "1 2", "5 0 /", "-7 2 / 10 *", "2 3 4 * - 5 +", "0 5 /", "1 2 + + 3"],
    ),
    Draft(
        "sliding-maximum",
        """
        Write `sliding_maximum(values, width)`: for every stretch of `width` neighbouring values, from left to right,
        the greatest value in it. Return an empty list if there are fewer than `width` values. width >= 1.
        """,
        """
        from collections import deque


        def sliding_maximum(values, width):
            result = []
            candidates = deque()
            for i, value in enumerate(values):
                while candidates and values[candidates[-1]] <= value:
                    candidates.pop()
                candidates.append(i)
                if candidates[0] <= i - width:
                    candidates.popleft()
                if i >= width - 1:
                    result.append(values[candidates[0]])
            return result
        """,
        visible=[([1, 3, -1, -3, 5, 3, 6, 7], 3), ([4, 2], 1), ([9, 8, 7], 2)],
        hidden=[
            ([], 1),
            ([1, 2], 3),
            ([5], 1),
            ([2, 2, 2, 2], 2),
            ([-4, -2, -9, -1], 4),
            ([1, 2, 3, 4, 5], 2),
            ([i * 7 % 13 for i in range(60)], 8),
        ],
        fn_name="sliding_maximum",
    ),
    Draft(
        "next-greater",
        """
        For each number of a list find the first number to its right that is strictly greater.

        Input: the first line holds n (1 <= n <= 10000), the second line n integers.
        Output: n words on one line, separated by single spaces: the number found, or `-` where there is none.
        """,
        """
        n = int(input())
        values = list(map(int, input().split()))
        answer = ["-"] * n
        waiting = []
        for i in range(n):
            while waiting and values[waiting[-1]] < values[i]:
                answer[waiting.pop()] = str(values[i])
            waiting.append(i)
        print(" ".join(answer))
        """,
        visible=["4\n2 1 2 4", "3\n3 2 1", "5\n1 2 3 4 5"],
        hidden=[
            "1\n0",
            "3\n5 5 5",
            "6\n-1 -3 -2 0 -5 7",
            "5\n9 1 2 1 9",
            "8\n8 1 7 2 6 3 5 4",
            "2\n1000000000 -1000000000",
            "7\n1 1 2 2 3 3 1",
        ],
    ),
    Draft(
        "minimum-stack",
        """
        Keep a stack that always knows its smallest element.

        Input: the first line holds n (1 <= n <= 10000), each of the next n lines a command: `push x` (an integer),
        `pop`, `top` or `min`.
        Output: one line for each `pop`, `top` and `min`: the element removed, the element on top, the smallest
        element; or `empty` if the stack holds nothing at that moment.
        """,
        """
        n = int(input())
        stack = []
        for _ in range(n):
            command = input().split()
            if command[0] == "push":
                value = int(command[1])
                smallest = min(value, stack[-1][1]) if stack else value
                stack.append((value, smallest))
            elif not stack:
                print("empty")
            elif command[0] == "pop":
                print(stack.pop()[0])
            elif command[0] == "top":
                print(stack[-1][0])
            else:
                print(stack[-1][1])
        """,
        visible=["5\npush 3\npush 5\nmin\npop\ntop", "2\npop\nmin", "4\npush 2\npush 1\npop\nmin"],
        hidden=[
            "1\ntop",
            "6\npush 1\npush 1\npop\nmin\npop\nmin",
            "7\npush -5\npush 0\nmin\npush -9\nmin\npop\nmin",
            "3\npush 1000000000000\nmin\ntop",
            "8\npush 4\npush 3\npush 2\nmin\npop\nmin\npop\nmin",
            "4\npop\npush 7\npop\npop",
        ],
    ),
    Draft(
        "ring-buffer",
        """
        A ring buffer holds at most k numbers; writing into a full one overwrites the oldest number.

        Input: the first line holds k and n (1 <= k <= 100, 1 <= n <= 1000), each of the next n lines `write x` or
        `read`.
        Output: for each `read` one line: the oldest number, which is removed, or `nothing` if the buffer is empty.
        After all commands one more line: the numbers left, oldest first, separated by single spaces, or `nothing`.
        """,
        """
        size, n = map(int, input().split())
        slots = [None] * size
        oldest = 0
        used = 0
        for _ in range(n):
            words = input().split()
            if words[0] == "write":
                slots[(oldest + used) % size] = int(words[1])
                if used == size:
                    oldest = (oldest + 1) % size
                else:
                    used += 1
            elif used == 0:
                print("nothing")
            else:
                print(slots[oldest])
                oldest = (oldest + 1) % size
                used -= 1
        left = [str(slots[(oldest + i) % size]) for i in range(used)]
        print(" ".join(left) if left else "nothing")
        """,
        visible=[
            "2 4\nwrite 1\nwrite 2\nwrite 3\nread",
            "3 2\nread\nwrite 5",
            "1 3\nwrite 4\nread\nread",
        ],
        hidden=[
            "1 1\nread",
            "1 4\nwrite 1\nwrite 2\nwrite 3\nread",
            "3 7\nwrite 1\nwrite 2\nread\nwrite 3\nwrite 4\nwrite 5\nread",
            "4 4\nwrite 0\nwrite 0\nwrite -1\nwrite 0",
            "2 6\nwrite 1\nread\nwrite 2\nread\nwrite 3\nread",
            "5 9\n" + "\n".join(f"write {i}" for i in range(9)),
        ],
    ),
    Draft(
        "text-editor",
        """
        Simulate an editor with undo. It starts with an empty text.

        Input: the first line holds n (1 <= n <= 1000), each of the next n lines a command:
        `type w` appends the word w, `delete k` removes the last k characters (all, if there are fewer),
        `undo` takes back the last `type` or `delete` not taken back yet (nothing happens if there is none),
        `redo` repeats what the last `undo` took back; a `type` or `delete` makes earlier undos unrepeatable
        (nothing happens if there is nothing to redo).
        Output: the final text between two `|` characters.
        """,
        """
        n = int(input())
        text = ""
        past = []
        future = []
        for _ in range(n):
            words = input().split()
            if words[0] == "undo":
                if past:
                    future.append(text)
                    text = past.pop()
            elif words[0] == "redo":
                if future:
                    past.append(text)
                    text = future.pop()
            else:
                past.append(text)
                future.clear()
                if words[0] == "type":
                    text += words[1]
                else:
                    keep = max(0, len(text) - int(words[1]))
                    text = text[:keep]
        print("|" + text + "|")
        """,
        visible=[
            "3\ntype hello\ndelete 2\nundo",
            "4\ntype a\ntype b\nundo\nredo",
            "2\ntype abc\ndelete 10",
        ],
        hidden=[
            "1\nundo",
            "2\nredo\nundo",
            "5\ntype a\nundo\ntype b\nredo\ntype c",
            "6\ntype abc\ndelete 0\nundo\nundo\nredo\nredo",
            "7\ntype x\ntype y\ntype z\nundo\nundo\nundo\nundo",
            "6\ntype one\ndelete 1\nundo\ndelete 2\nundo\nredo",
            "3\ntype abc\ndelete 3\ntype d",
        ],
    ),
    Draft(
        "reverse-in-groups",
        """
        Write `reverse_groups(values, size)`: cut the list into groups of `size` neighbours from the front, reverse
        each full group and leave an incomplete last group as it is. Return the resulting list. size >= 1.
        """,
        """
        def reverse_groups(values, size):
            result = []
            start = 0
            while start + size <= len(values):
                end = start + size
                for i in range(end - 1, start - 1, -1):
                    result.append(values[i])
                start = end
            result.extend(values[start:])
            return result
        """,
        visible=[([1, 2, 3, 4, 5], 2), ([1, 2, 3], 3), ([1, 2], 3)],
        hidden=[
            ([], 4),
            ([7], 1),
            ([1, 2, 3, 4], 1),
            ([1, 2, 3, 4, 5, 6], 3),
            (["a", "b", "c", "d"], 4),
            ([0, 0, 1, 1, 0], 4),
            (list(range(23)), 5),
        ],
        fn_name="reverse_groups",
    ),
    Draft(
        "round-robin",
        """
        A computer runs jobs in turn: the first job of the queue runs for q time units, or less if it finishes; if
        it is not finished it goes to the end of the queue. Switching takes no time.

        Input: the first line holds n and q (1 <= n <= 100, 1 <= q <= 1000), each of the next n lines the name of a
        job (letters only) and the time it needs (1 to 10000), in the order of the queue.
        Output: for each job, in the order of finishing, a line with its name and the moment it finishes.
        """,
        """
        from collections import deque

        n, quantum = map(int, input().split())
        queue = deque()
        for _ in range(n):
            name, needed = input().split()
            queue.append((name, int(needed)))
        now = 0
        while queue:
            name, needed = queue.popleft()
            if needed > quantum:
                now += quantum
                queue.append((name, needed - quantum))
            else:
                now += needed
                print(name, now)
        """,
        visible=["2 2\na 3\nb 1", "1 10\nsolo 4", "3 1\nx 2\ny 2\nz 1"],
        hidden=[
            "1 1\na 1",
            "2 5\na 5\nb 5",
            "3 100\na 3\nb 2\nc 1",
            "3 2\nlong 7\nmid 4\nshort 1",
            "4 3\na 3\nb 6\nc 9\nd 10",
            "2 1000\nbig 10000\nsmall 1",
        ],
    ),
)
