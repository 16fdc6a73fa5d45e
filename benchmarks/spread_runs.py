"""One of several processes of trainings: python -m benchmarks.spread_runs FILE.

FILE lists runs as JSON: kind, recipe, folder and port. What torchrun would set is in the
environment, but for the port, as every run opens a group of its own.
"""

import json
import os
import sys
from pathlib import Path

from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.pretrain import Pretrain, pretrain


def main() -> None:
    for run in json.loads(Path(sys.argv[1]).read_text()):
        os.environ["MASTER_PORT"] = str(run["port"])
        if run["kind"] == "pretrain":
            pretrain(Pretrain.model_validate(run["recipe"]), Path(run["out"]))
        else:
            finetune(Finetune.model_validate(run["recipe"]), Path(run["out"]))


if __name__ == "__main__":
    main()
