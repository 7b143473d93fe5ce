"""How each program of a control plane is run: everything on loopback, in one folder. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.controlplane.certificates import Certificates

NODES_FILE = Path(__file__).with_name("nodes.yaml")
_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "clusterrole-aggregation-controller",
    "pod-garbage-collector-controller",
    "endpoints-controller",  # whom the proxy of a Service asks
    "endpointslice-controller",
    "validatingadmissionpolicy-status-controller",
)
_SCHEDULER = """apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {{kubeconfig: {}, qps: 1000, burst: 2000}}
leaderElection: {{leaderElect: false}}
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Files and ports of one control plane."""

    folder: Path
    etcd: int
    peer: int
    api: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.api}"

    @property
    def admin(self) -> Path:
        return self.folder / "admin.kubeconfig"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.csv"

    @property
    def scheduler(self) -> Path:
        return self.folder / "scheduler.yaml"


def etcd(layout: Layout) -> tuple[str, ...]:
    """It writes no byte through to the disk: nothing here outlives the tests."""
    clients, peers = f"http://127.0.0.1:{layout.etcd}", f"http://127.0.0.1:{layout.peer}"
    return (
        *("--name", "tests", "--data-dir", str(layout.folder / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", clients, "--advertise-client-urls", clients),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
        *("--initial-cluster", f"tests={peers}", "--log-level", "warn"),
    )


def api_server(layout: Layout, certificates: Certificates) -> tuple[str, ...]:
    """RBAC, and admission as by default: only what taints new nodes is off, since nothing here takes the taint away."""
    accounts = str(certificates.accounts_key)
    return (
        *("--etcd-servers", f"http://127.0.0.1:{layout.etcd}"),
        *("--bind-address", "127.0.0.1", "--secure-port", str(layout.api)),
        *("--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none"),
        *(
            "--tls-cert-file",
            str(certificates.server),
            "--tls-private-key-file",
            str(certificates.server_key),
        ),
        *("--client-ca-file", str(certificates.authority), "--cert-dir", str(layout.folder)),
        *("--token-auth-file", str(layout.tokens), "--anonymous-auth=false", "--authorization-mode", "RBAC"),
        *("--service-cluster-ip-range", "10.0.0.0/16"),
        *("--service-account-issuer", "https://kubernetes.default.svc"),
        *("--service-account-key-file", accounts, "--service-account-signing-key-file", accounts),
        *("--disable-admission-plugins", "TaintNodesByCondition", "--profiling=false", "-v", "0"),
    )


def controller_manager(layout: Layout) -> tuple[str, ...]:
    return (
        *("--kubeconfig", str(layout.admin), "--leader-elect=false", "--secure-port", "0"),
        *("--controllers", ",".join(_CONTROLLERS), "--kube-api-qps", "1000", "--kube-api-burst", "2000"),
        *("-v", "0"),
    )


def scheduler(layout: Layout) -> tuple[str, ...]:
    return ("--config", str(layout.scheduler), "--secure-port", "0", "-v", "0")


def scheduler_settings(layout: Layout) -> str:
    return _SCHEDULER.format(layout.admin)


def kwok(layout: Layout) -> tuple[str, ...]:
    return ("--kubeconfig", str(layout.admin), "--config", str(NODES_FILE))


def kubeconfig(layout: Layout, authority: Path, tokens: Mapping[str, tuple[str, str]]) -> str:
    """One context for each name: (namespace, token). The first is the current one."""
    lines = [
        "apiVersion: v1",
        "kind: Config",
        "clusters:",
        f'- {{name: tests, cluster: {{server: "{layout.url}", certificate-authority: "{authority}"}}}}',
        "users:",
        *(f'- {{name: {name}, user: {{token: "{token}"}}}}' for name, (_, token) in tokens.items()),
        "contexts:",
        *(
            f"- {{name: {name}, context: {{cluster: tests, user: {name}, namespace: {namespace}}}}}"
            for name, (namespace, _) in tokens.items()
        ),
        f"current-context: {next(iter(tokens))}",
    ]
    return "\n".join(lines) + "\n"
