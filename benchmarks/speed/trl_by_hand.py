"""The peer of `agentgym train sft`: the same rows given to TRL by somebody who knows it, without agentgym."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from agentgym.extras import require


def main(model: Path, rows: Path, out: Path, steps: int, batch_size: int, tuned: bool) -> None:
    """Train a model on rows with labels, and save it; `tuned`: rows of like length together, and a fused optimizer."""
    datasets, transformers, trl = (require(name) for name in ("datasets", "transformers", "trl"))
    lines = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    columns = {name: [line[name] for line in lines] for name in ("input_ids", "labels")}
    better = {"optim": "adamw_torch_fused", "train_sampling_strategy": "group_by_length"} if tuned else {}
    trainer = trl.SFTTrainer(
        transformers.AutoModelForCausalLM.from_pretrained(model),
        args=trl.SFTConfig(
            output_dir=str(out),
            max_steps=steps,
            per_device_train_batch_size=batch_size,
            learning_rate=1e-3,
            lr_scheduler_type="cosine",
            bf16=False,
            gradient_checkpointing=False,
            max_length=None,
            use_cpu=True,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            **better,
        ),
        train_dataset=datasets.Dataset.from_dict(columns),
        processing_class=transformers.AutoTokenizer.from_pretrained(model),
    )
    trainer.train()
    trainer.save_model(str(out))


if __name__ == "__main__":
    folder, file, target, count, size, how = sys.argv[1:]
    main(Path(folder), Path(file), Path(target), int(count), int(size), how == "tuned")
