"""Programs that speak to others: over the network, over sockets of this machine, over anything that carries bytes."""

from tests.agentgym.sandbox.hostile.row import Hostile

PROGRAMS = (
    Hostile(
        "tcp",
        """
        for family, address in [(socket.AF_INET, ("127.0.0.1", @TCP@)), (socket.AF_INET6, ("::1", @TCP6@))]:
            with attempt(f"connected {address}"):
                with socket.socket(family, socket.SOCK_STREAM) as one:
                    one.settimeout(0.5)
                    one.connect(address)
        """,
    ),
    Hostile(
        "udp",
        """
        for address in (("127.0.0.1", @UDP@), ("8.8.8.8", 53)):
            with attempt(f"sent to {address}"):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                    one.sendto(b"hello", address)
        """,
    ),
    Hostile(
        "tcp-fast-open",
        """
        with attempt("fast open"):
            with socket.socket() as one:
                one.sendto(b"hello", 0x20000000, ("127.0.0.1", @TCP@))
        with attempt("multipath"):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as one:
                one.connect(("127.0.0.1", @TCP@))
        """,
    ),
    Hostile(
        "listen",
        """
        for family, address in [
            (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::", 0)), (socket.AF_UNIX, "\\0@MARK@"),
            (socket.AF_UNIX, os.path.join(tempfile.gettempdir(), "@MARK@")),
        ]:
            with attempt(f"listens at {address}"):
                one = socket.socket(family, socket.SOCK_STREAM)
                one.bind(address)
                one.listen()
        """,
    ),
    Hostile(
        "unix",
        """
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            for address in (
                "@YARD@/stream", "@YARD@/datagram", "\\0@ABSTRACT@", "/dev/log", "/run/docker.sock",
                "/var/run/docker.sock", "/run/systemd/private", "/run/dbus/system_bus_socket",
            ):
                with attempt(f"connected {address!r}"):
                    with socket.socket(socket.AF_UNIX, kind) as one:
                        one.settimeout(0.5)
                        one.connect(address)
                        one.send(b"hello")
        """,
    ),
    Hostile(
        "unix-by-pair",
        """
        for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_RAW):
            for address in ("@YARD@/datagram", "@YARD@/stream", "\\0@ABSTRACT@"):
                with attempt(f"sent to {address!r}"):
                    pair = socket.socketpair(socket.AF_UNIX, kind)
                    pair[0].sendto(b"hello", address)
                with attempt(f"pair connected to {address!r}"):
                    pair = socket.socketpair(socket.AF_UNIX, kind)
                    with tried():
                        pair[0].connect(b"")
                    pair[0].connect(address)
        """,
    ),
    Hostile(
        "unix-by-pair-with-high-bits",
        """
        numbers = (ctypes.c_int * 2)()
        for family, kind in [
            (1, 2 | 1 << 32), (1 | 1 << 32, 2), (1 | 1 << 32, 2 | 1 << 32), (1, 2 | 0o2000000), (1, 2 | 0o4000), (1,
            3),
        ]:
            with tried():
                call(53, 199, family, kind, 0, numbers)
                with socket.socket(fileno=numbers[0]) as one:
                    one.sendto(b"hello", "@YARD@/datagram")
                    breach(f"sent by {family:x} {kind:x}")
        """,
    ),
    Hostile(
        "pair-bound-to-a-name",
        """
        with attempt("bound"):
            one, _ = socket.socketpair()
            one.bind("\\0@MARK@")
            one.listen()
        """,
    ),
    Hostile(
        "every-family",
        """
        for family in range(64):
            for kind in (1, 2, 3, 5):
                with attempt(f"family {family} kind {kind}"):
                    os.close(call(41, 198, family, kind, 0))
        for family in (1, 2, 10, 16):
            refused("socket with high bits", 41, 198, family | 1 << 32, 1, 0)
        """,
    ),
    Hostile(
        "kernel-sockets",
        """
        for family, kind, protocol in [
            (16, 3, 0), (16, 3, 9), (17, 3, 0x300), (38, 5, 0), (40, 1, 0), (30, 5, 0), (42, 2, 0), (44, 3, 0), (2,
            3, 1), (2, 3, 255), (2, 2, 1), (31, 3, 1), (29, 3, 1), (15, 3, 2),
        ]:
            refused(f"socket {family} {kind} {protocol}", 41, 198, family, kind, protocol)
        """,
    ),
    Hostile(
        "names",
        """
        for name in ("example.com", "localhost", "127.0.0.1"):
            with tried():
                for found in socket.getaddrinfo(name, @TCP@, type=socket.SOCK_STREAM):
                    with attempt(f"connected {name}"):
                        with socket.socket(*found[:3]) as one:
                            one.settimeout(0.5)
                            one.connect(found[4])
        """,
    ),
    Hostile(
        "http",
        """
        import urllib.request
        for address in ("http://127.0.0.1:@TCP@/", "ftp://127.0.0.1:@TCP@/", "file://@YARD@/secret"):
            with attempt(address):
                urllib.request.urlopen(address, timeout=0.5).read(1)
        """,
    ),
    Hostile(
        "async-connection",
        """
        import asyncio
        async def go():
            with attempt("connected"):
                await asyncio.open_connection("127.0.0.1", @TCP@)
            with tried():
                if (await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)).sockets:
                    breach("serves")
        asyncio.run(go())
        """,
    ),
    Hostile(
        "by-descriptors-held",
        """
        for descriptor in range(0, 1024):
            with tried():
                one = socket.socket(fileno=os.dup(descriptor))
                with tried():
                    one.setblocking(False)
                    one.send(b"x")
                    breach(f"sent over {descriptor}")
                with tried():
                    one.connect(("127.0.0.1", @TCP@))
                    breach(f"connected {descriptor}")
        """,
    ),
    Hostile(
        "queues",
        """
        refused("mq_open", 240, 180, b"@MARK@", 0o102, 0o600, None)
        refused("msgget", 68, 186, 0x5EC4E7, 0o1600)
        refused("semget", 64, 190, 0x5EC4E7, 1, 0o1600)
        refused("shmget", 29, 194, 0x5EC4E7, 4096, 0o1600)
        """,
    ),
    Hostile(
        "interfaces",
        """
        for request in (0x8910, 0x8912, 0x8913, 0x8927):
            for descriptor in range(3):
                with attempt(f"interfaces {request:x}"):
                    call(16, 29, descriptor, request, ctypes.create_string_buffer(64))
        with tried():
            if len(socket.if_nameindex()) > 1:
                breach("interfaces")
        """,
    ),
)
