"""HTTP/1.1 answers, read as their bytes come: cut anywhere, framed in every way, or wrong."""

from __future__ import annotations

import gzip
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.transports.answers import AnswerReader, BadAnswer

BODY = b'{"choices":[]}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"cho\r\n9;name=value\r\nices":[]}\r\n0\r\nTrailer: x\r\n\r\n'
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + PLAIN
PACKED = gzip.compress(BODY)
GZIPPED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED


def read(*pieces: bytes) -> AnswerReader | None:
    """The answer that the pieces make, or None where they are no whole one."""
    reader = AnswerReader()
    done = [reader.feed(piece) for piece in pieces]
    return reader if done and done[-1] else None


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, CONTINUED, GZIPPED])
@given(cuts=st.lists(st.integers(0, 200), max_size=8))
def test_where_it_is_cut_does_not_show(answer: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[start:end] for start, end in itertools.pairwise(places)]
    reader = AnswerReader()
    done = [reader.feed(piece) for piece in pieces if piece]
    assert done[-1]
    assert not any(done[:-1])
    reply = reader.reply()
    assert (reply.status, reply.body, reader.reusable) == (200, BODY, True)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 30), st.booleans())
def test_chunks_of_any_size_make_the_body_however_they_are_cut(chunks: list[bytes], step: int, trailers: bool) -> None:
    framed = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    end = b"0\r\n" + b"X-Sum: 1\r\nX-Other:\r\n" * trailers + b"\r\n"
    answer = b"HTTP/1.1 200\r\ntransfer-encoding:  Chunked \r\n\r\n" + framed + end
    told: list[bytes] = []
    reader = AnswerReader(told.append)
    done = [reader.feed(answer[start : start + step]) for start in range(0, len(answer), step)]
    assert done == [False] * (len(done) - 1) + [True]
    assert reader.reply().body == b"".join(told) == b"".join(chunks)


@given(st.binary(max_size=60), st.integers(1, 30))
def test_a_body_without_a_length_takes_all_that_comes(body: bytes, step: int) -> None:
    answer = b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n" + body
    reader = AnswerReader()
    assert not any(reader.feed(answer[start : start + step]) for start in range(0, len(answer), step))
    assert reader.end()
    assert (reader.reply().body, reader.reusable) == (body, False)


def test_a_chunked_answer_that_lost_its_last_chunk_is_not_whole() -> None:
    reader = AnswerReader()
    assert not reader.feed(CHUNKED.partition(b"0\r\nTrailer")[0])
    assert not reader.end()


def test_the_names_of_headers_are_small_and_chunks_count_more_than_a_length() -> None:
    reader = read(CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 3\r\nRETRY-AFTER:\t7 \r\n", 1))
    assert reader is not None
    assert reader.reply().headers["retry-after"] == "7"
    assert reader.reply().body == BODY


def test_a_head_may_be_long_but_not_endless() -> None:
    long = PLAIN.replace(b"\r\n", b"\r\nX: " + b"x" * 60_000 + b"\r\n", 1)
    assert read(*(long[start : start + 999] for start in range(0, len(long), 999))) is not None
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(BadAnswer, match="too long"):
        list(map(reader.feed, [b"X: and so on\r\n"] * 10_000))


@given(st.integers(1, len(PLAIN) - 1))
def test_a_part_is_no_answer_and_the_end_of_the_connection_makes_it_none(length: int) -> None:
    reader = AnswerReader()
    assert not reader.feed(PLAIN[:length])
    assert reader.begun
    assert not reader.end()


def test_each_piece_of_the_body_is_told_of_as_it_comes() -> None:
    told: list[bytes] = []
    reader = AnswerReader(told.append)
    for start in range(0, len(CHUNKED), 7):
        reader.feed(CHUNKED[start : start + 7])
    assert b"".join(told) == BODY
    assert len(told) > 1


def test_without_a_length_the_body_ends_with_the_connection() -> None:
    reader = AnswerReader()
    assert not reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhello")
    assert reader.end()
    assert (reader.reply().body, reader.reusable) == (b"hello", False)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive", True),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", True),
    ],
)
def test_whether_the_connection_may_be_used_again(head: bytes, reusable: bool) -> None:
    reader = read(head + b"\r\nContent-Length: 2\r\n\r\nok")
    assert reader is not None
    assert reader.reusable is reusable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_no_body(status: bytes) -> None:
    reader = read(b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert reader is not None
    assert reader.reply().body == b""


def test_deflate_is_read_too() -> None:
    packed = zlib.compress(BODY)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\ncontent-length: %d\r\n\r\n" % len(packed)
    reader = read(head + packed)
    assert reader is not None
    assert reader.reply().body == BODY


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
    ],
)
def test_what_is_no_answer_is_an_error_that_says_so(answer: bytes) -> None:
    with pytest.raises(BadAnswer, match=r"\w"):
        read(answer)


@pytest.mark.parametrize(
    ("encoding", "body"), [(b"br", b"x"), (b"gzip", b"not packed"), (b"gzip", gzip.compress(BODY)[:-9])]
)
def test_a_body_that_cannot_be_unpacked_is_an_error(encoding: bytes, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body))
    reader = read(head + body)
    assert reader is not None
    with pytest.raises(BadAnswer, match=r"encoding|decompress"):
        reader.reply()


def test_what_was_packed_in_several_members_is_unpacked_whole() -> None:
    packed = gzip.compress(BODY[:5]) + gzip.compress(BODY[5:])
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    assert reader is not None
    assert reader.reply().body == BODY


@given(st.binary(max_size=300))
def test_noise_is_an_error_or_no_answer_yet(noise: bytes) -> None:
    reader = AnswerReader()
    try:
        reader.feed(noise)
    except BadAnswer:
        return
    assert not reader.end()


@given(st.sampled_from([PLAIN, CHUNKED, GZIPPED]), st.data())
def test_a_wrong_byte_anywhere_is_an_answer_or_an_error_and_nothing_else(answer: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(answer) - 1))
    reader = AnswerReader()
    try:
        if reader.feed(answer[:place] + data.draw(st.binary(min_size=1, max_size=1)) + answer[place + 1 :]):
            reader.reply()
        else:
            reader.end()
    except BadAnswer:
        pass
