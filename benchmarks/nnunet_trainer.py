"""nnU-Net's trainer on a budget of seconds or steps: its own step, data, loss, optimiser and schedule.

    ENV/bin/python nnunet_trainer.py '{"dataset": ..., "configuration": ..., "done": "done.json", ...}'

Runs in nnU-Net's environment on the CPU and imports nothing of segmake; trains fold 0 as nnUNetv2_train does
(which would first import every trainer there is, also those whose packages are not installed). Orders:

    seconds   budget of training; the polynomial schedule runs from 0 to 1 over it
    steps     or a number of steps at the first learning rate, to time them
    threads   threads of torch
    validate  whether to predict the validation cases afterwards, as nnU-Net does by default
    done      file to write: what was done

Its default of 1000 epochs of 250 steps cannot be cut to minutes with whole epochs, so the learning rate is
set before every step, from the time that has gone. The validation passes within training, which nnU-Net only
looks at, are left out: their time goes into training.
"""

import json
import sys
import time
from pathlib import Path

import torch
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class TrainerOnABudget(nnUNetTrainer):
    """Trains for some seconds or some steps."""

    def train_within(self, seconds, steps):
        """Train on the budget and keep the weights, as after the last epoch."""
        self.on_train_start()
        self.network.train()
        self.lr_scheduler.max_steps = seconds or 1
        waits, lengths, losses = [], [], []
        started, gone = time.perf_counter(), 0.0
        while gone < seconds if seconds else len(lengths) < steps:
            self.lr_scheduler.step(gone if seconds else 0)
            begun = time.perf_counter()
            batch = next(self.dataloader_train)
            read = time.perf_counter()
            losses.append(float(self.train_step(batch)["loss"]))
            waits.append(read - begun)
            lengths.append(time.perf_counter() - read)
            gone = time.perf_counter() - started
        parameters = sum(value.numel() for value in self.network.parameters())
        done = {"seconds": gone, "steps": len(lengths), "waits": waits, "lengths": lengths}
        done |= {"losses": losses, "parameters": parameters, "batch": list(batch["data"].shape)}
        self.on_train_end()
        return done


def main():
    """Train, predict the validation cases if told to, write what was done."""
    orders = json.loads(sys.argv[1])
    torch.set_num_threads(orders["threads"])
    folder = Path(nnUNet_preprocessed) / orders["dataset"]
    plans = json.loads((folder / "nnUNetPlans.json").read_text()) | {"continue_training": False}
    about = json.loads((folder / "dataset.json").read_text())
    trainer = TrainerOnABudget(plans, orders["configuration"], 0, about, torch.device("cpu"))
    done = trainer.train_within(orders.get("seconds"), orders.get("steps"))
    if orders["validate"]:
        started = time.perf_counter()
        trainer.perform_actual_validation()
        done["predict_s"] = time.perf_counter() - started
    Path(orders["done"]).write_text(json.dumps(done))


if __name__ == "__main__":
    main()
