"""Packages whose names are imported when they are first used (PEP 562), so that starting costs nothing."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def lazily(package: str, homes: "dict[str, str]") -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """The `__getattr__` and `__dir__` of a package, from each of its names to the module that holds it."""

    def get(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import sys
        from importlib import import_module

        value = getattr(import_module(home), name)
        vars(sys.modules[package])[name] = value
        return value

    return get, lambda: sorted(homes)
