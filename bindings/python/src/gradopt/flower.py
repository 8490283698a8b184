"""Flower's door: strategies of flwr.serverapp that go by the library's rules of servers.

    from gradopt.flower import Strategy

    strategy = Strategy("fedavg", momentum=0.9)                               # federated averaging, server momentum
    strategy = Strategy("fedavg", optimizer=("adam", {"lr": 0.1, "eps": 1e-3}))    # any method makes the server's step
    strategy.start(grid, initial_arrays, num_rounds=10)

Clients are Flower's usual ones: they train from message.content["arrays"], and reply with their arrays and a metric
"num-examples" ("num-steps" too, where it is not local_steps). What rules change about a local step, they are told in the
message:

    fedprox     config "proximal-mu": add mu (y - w) to the gradient
    scaffold    arrays "correction":  add them to the gradient
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg

from ._handle import Values
from .optimizer import Optimizer
from .server import Server

RULES = ("fedavg", "fedprox", "scaffold", "fedau", "diloco")


class Strategy(FedAvg):
    """A rule of `RULES`, whose options are keyword arguments; which nodes take part is Flower's to say, by its own.

    `optimizer`, (method, options) of any method that a gradient suffices for, takes the server's steps along what the
    rule wants: its gradient is the server's arrays less those of the rule. `clients` is the number of nodes that there
    will ever be; where it is not told, those that are connected in the first round. `weighted`: by "num-examples", where
    the rule has weights. Arrays of integers are averaged and rounded.
    """

    def __init__(
        self,
        rule: str = "fedavg",
        *,
        optimizer: tuple[str, Mapping[str, Any]] | None = None,
        clients: int | None = None,
        weighted: bool = True,
        fraction_train: float = 1.0,
        fraction_evaluate: float = 1.0,
        min_train_nodes: int = 2,
        min_evaluate_nodes: int = 2,
        min_available_nodes: int = 2,
        weighted_by_key: str = "num-examples",
        arrayrecord_key: str = "arrays",
        configrecord_key: str = "config",
        **options: Any,
    ) -> None:
        super().__init__(
            fraction_train=fraction_train,
            fraction_evaluate=fraction_evaluate,
            min_train_nodes=min_train_nodes,
            min_evaluate_nodes=min_evaluate_nodes,
            min_available_nodes=min_available_nodes,
            weighted_by_key=weighted_by_key,
            arrayrecord_key=arrayrecord_key,
            configrecord_key=configrecord_key,
        )
        if rule not in RULES:
            raise ValueError(
                f'"{rule}" is no rule of rounds that Flower\'s clients know; there are: {", ".join(RULES)}'
            )
        if weighted and rule in ("fedavg", "fedprox"):
            options = {"weights": "size", **options}
        self.rule, self.options, self.clients, self.method = rule, options, clients, optimizer
        Server(rule, {}, **options)  # refuses bad options now
        self.server: Server | None = None
        self.optimizer: Optimizer | None = None
        self._nodes: dict[int, int] = {}  # clients' numbers, in the order in which nodes were met
        self._arrays: dict[str, Values] = {}  # all of the model
        self._moving: dict[str, Values] = {}  # those that the rule changes: the server's own

    # ---- Before a round ----

    def _open(self, grid: Grid) -> Server:
        self._moving = {k: v.copy() for k, v in self._arrays.items() if np.issubdtype(v.dtype, np.floating)}
        self.clients = self.clients or len(list(grid.get_node_ids()))
        if self.method is not None:
            self.optimizer = Optimizer(self.method[0], self._moving, **self.method[1])
        server = Server(self.rule, {k: v.copy() for k, v in self._moving.items()}, clients=self.clients, **self.options)
        server.set_numbers("size", np.ones(self.clients))  # until they are known
        return server

    def _client(self, node: int) -> int:
        number = self._nodes.setdefault(node, len(self._nodes))
        if self.clients is not None and number >= self.clients:
            raise ValueError(f"node {node} is one more than the {self.clients} clients of this strategy: clients=...")
        return number

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Begins with every node that Flower samples."""
        self._arrays = {key: np.array(array.numpy()) for key, array in arrays.items()}
        if self.server is None:
            self.server = self._open(grid)
        for key, param in self._moving.items():
            param[...] = self._arrays[key]
            self.server.params[key][...] = param
        if self.rule == "fedprox":
            config["proximal-mu"] = self.server["mu"]
        messages = super().configure_train(server_round, arrays, config, grid)
        return [self._begin(self.server, message) for message in messages]

    def _begin(self, server: Server, message: Message) -> Message:
        node = message.metadata.dst_node_id
        client = self._client(node)
        server.begin(client)
        if self.rule != "scaffold":
            return message
        common, own = server.state("c"), server.state("c_i", client)
        correction = ArrayRecord({key: Array(common[key] - own[key]) for key in common})
        content = RecordDict({**message.content, "correction": correction})
        return Message(content, message_type=message.metadata.message_type, dst_node_id=node)

    # ---- After it ----

    def _hand_in(self, server: Server, message: Message) -> float:
        client = self._client(message.metadata.src_node_id)
        arrays = next(iter(message.content.array_records.values()))
        metrics: Mapping[str, Any] = next(iter(message.content.metric_records.values()))
        steps = metrics.get("num-steps", server.get("steps", client))
        server.end(client, {key: arrays[key].numpy() for key in self._moving}, int(steps))
        return float(metrics[self.weighted_by_key])

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Commits what the nodes hand in; nodes without a reply are left out."""
        replies = list(replies)
        means, metrics = super().aggregate_train(server_round, replies)
        server = self.server
        if server is None or means is None:
            return None, metrics
        sizes = np.ones(self.clients or 1)
        for message in replies:
            if not message.has_error():
                sizes[self._client(message.metadata.src_node_id)] = self._hand_in(server, message)
        server.set_numbers("size", sizes)
        server.commit()
        if self.optimizer is None:
            for key, param in self._moving.items():
                param[...] = server.params[key]
        else:
            self.optimizer.step({key: param - server.params[key] for key, param in self._moving.items()})
        result = {
            key: self._moving[key] if key in self._moving else np.asarray(np.rint(means[key].numpy()), before.dtype)
            for key, before in self._arrays.items()
        }
        return ArrayRecord({key: Array(np.asarray(value)) for key, value in result.items()}), metrics
