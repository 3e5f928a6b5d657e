"""From a recipe to a checkpoint, in steps that leave their results where the next call finds them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from sentence_transformers import CrossEncoder

from compositional_rerank.checkpoints.base_models import ModelFiles, is_default, resolve
from compositional_rerank.checkpoints.config import VerifierConfig
from compositional_rerank.checkpoints.locate import BASE, Located
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.scoring.calibration import READINGS, Calibration, Reading
from compositional_rerank.training.calibration import fit_calibration
from compositional_rerank.training.export import check_new, export, write_tensors
from compositional_rerank.training.fit_fusion import START, fit_fusion
from compositional_rerank.training.kinds import JUDGED
from compositional_rerank.training.labelling import label, logits_of
from compositional_rerank.training.network import VERDICTS, begin_anew, build
from compositional_rerank.training.recipe import Recipe
from compositional_rerank.training.rows import Row
from compositional_rerank.training.verifier_trainer import train
from compositional_rerank.verification.forms import form_of
from compositional_rerank.verification.verdicts import kind_of

Tell = Callable[[str], None]
POOLED_WEIGHT = 1 / 3
_READING = {"max_tokens": 256, "window": 64, "windows": 2, "first": 4, "max_verified": 16}


def make(recipe: Recipe, data: Path, out: Path, start: Located, device: str | None, tell: Tell) -> None:
    """Make a recipe's checkpoint.

    Args:
        recipe: the recipe.
        data: folder with the files that it names.
        out: checkpoint folder to write; must not exist. The steps' results lie in ``OUT.work`` until you
            remove it; called again after a crash or Ctrl-C, it goes on from there.
        start: checkpoint whose projection and structural part are taken over, if it has the same base.
        device: torch device name; None picks an accelerator where there is one.
        tell: called with a line on every step.

    Raises:
        DataError: a file is missing or has another hash, or the recipe lacks something; before the work
            starts. A line is wrong: before the step that reads it.
        InputError: ``out`` exists, or ``OUT.work`` holds a step of another recipe.
        ModelNotFoundError: no place has the base model or the teacher's.
        FloatingPointError: the loss is not finite.
    """
    check_new(out)
    recipe.check_files(data)
    base = _model(recipe, data)
    teachers = recipe.teachers()
    for teacher in teachers.values():
        teacher.check_files(data)
        _model(teacher, data)
    _check_whole(recipe)
    work = out.with_name(out.name + ".work")
    _claim(work, recipe, teachers)
    network = build(base.path, recipe.runs[-1].settings.max_tokens, device)
    _trained(recipe, teachers, data, network, work, tell)
    tell("calibration")
    verifier = _limits(recipe, _calibrated(recipe, data, network))
    tell("threshold, gate, bonus and penalty")
    draft = work / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    export(network, base, draft, fusion=START, verifier=verifier, pooled_weight=POOLED_WEIGHT, start=start)
    _link(base, data, draft)
    judged = (one for kind, path in recipe.gate for one in JUDGED[kind](recipe.place(path, data)))
    collections = [str(recipe.place(name, data)) for name in recipe.fusion]
    fusion = fit_fusion(draft, judged, collections, tell)
    export(network, base, out, fusion=fusion, verifier=verifier, pooled_weight=POOLED_WEIGHT, start=start)
    _link(base, data, out)


def _check_whole(recipe: Recipe) -> None:
    """Refuse a recipe that could not come to its end.

    Raises:
        DataError: a run has no rows, or nothing is there to fit on.
        CheckpointError: a number under ``[reading]`` is out of range.
        InputError: a name there is unknown.
    """
    for run in recipe.runs:
        if not any(source.rows.get(run.name) for source in recipe.sources):
            raise DataError(f"{recipe.file}: run {run.name!r} has no rows: give a [[source]] some for it")
    for name, found in (("[[calibration]]", recipe.calibration), ("[gate]", recipe.gate)):
        if not found:
            raise DataError(f"{recipe.file}: {name} names nothing to fit on: name sets that are not learnt")
    unknown = sorted(set(recipe.reading) - set(_READING))
    if unknown:
        raise InputError(
            f"{recipe.file}: [reading] has no {', '.join(unknown)}; it has {', '.join(_READING)}"
        )
    _limits(recipe, Calibration(dict.fromkeys(READINGS, (1.0, 0.0, 0.0, 0.0, 0.0))))


def _limits(recipe: Recipe, calibration: Calibration) -> VerifierConfig:
    return VerifierConfig(calibration, **{**_READING, **recipe.reading})


def _model(recipe: Recipe, data: Path) -> ModelFiles:
    """A recipe's base model: ``DATA/models/NAME`` where there is such a folder, else by its name."""
    folder = data / "models" / recipe.base.rpartition("/")[2]
    return replace(resolve(folder), name=recipe.base) if folder.is_dir() else resolve(recipe.base)


def _link(base: ModelFiles, data: Path, checkpoint: Path) -> None:
    """Let a checkpoint find the base model where it was trained: it may be nowhere else on this machine."""
    if base.path.parent == data / "models" and not is_default(base):
        (checkpoint / BASE).symlink_to(base.path.resolve(), target_is_directory=True)


def _trained(
    recipe: Recipe, teachers: Mapping[str, Recipe], data: Path, network: CrossEncoder, work: Path, tell: Tell
) -> None:
    """Every run of a recipe that was not done before."""
    begin_anew(network, recipe.fresh_layers, recipe.seed)
    done = [run.name for run in recipe.runs if (work / f"{run.name}.safetensors").is_file()]
    for run in recipe.runs:
        place = work / run.name
        if run.name in done:
            tell(f"{run.name}: done before")
            if run.name == done[-1]:
                network.load_state_dict(load_file(place.with_suffix(".safetensors")))
            continue
        rows = recipe.rows(data, run.name)
        answers = None
        if run.teacher is not None:
            answers = _answers(teachers[run.teacher], data, rows, place, str(network.device), tell)
        tell(f"{run.name}: {recipe.base} learns from {len(rows):,} rows")
        network.max_seq_length = run.settings.max_tokens
        train(network, rows, answers, run.settings, place)
        _keep(network, place)


def _answers(
    teacher: Recipe, data: Path, rows: Sequence[Row], place: Path, device: str, tell: Tell
) -> torch.Tensor:
    """A teacher's answers to the rows of a run; it is trained where that was not done before."""
    work = place.with_name(f"{place.name}.teacher")
    work.mkdir(exist_ok=True)
    reader = build(_model(teacher, data).path, teacher.runs[-1].settings.max_tokens, device)
    _trained(teacher, {}, data, reader, work, tell)
    return label(reader, rows, work / "answers.safetensors", tell)


def _keep(network: CrossEncoder, work: Path) -> None:
    """Keep a step's weights, and not its states."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_tensors(tensors, work.with_suffix(".part"))
    work.with_suffix(".part").replace(work.with_suffix(".safetensors"))
    shutil.rmtree(work)


def _calibrated(recipe: Recipe, data: Path, network: CrossEncoder) -> Calibration:
    """Curves fitted on the recipe's calibration sets."""
    rows = [
        row
        for source in recipe.calibration
        for row in source.draw(recipe.place(source.path, data), "calibration", recipe.seed)
    ]
    kept = [(row, reading) for row in rows if (reading := reading_of(row)) is not None]
    logits = logits_of(network, [row for row, _ in kept])
    allowed = torch.tensor([[bool(row.verdicts >> bit & 1) for bit in range(VERDICTS)] for row, _ in kept])
    return fit_calibration(logits, allowed, [reading for _, reading in kept])


def reading_of(row: Row) -> Reading | None:
    """How a row is read; None for keywords, which are never read."""
    form = form_of(row.query)
    return None if form == "keywords" else kind_of(form, row.evidence)


def _claim(work: Path, recipe: Recipe, teachers: Mapping[str, Recipe]) -> None:
    """Make ``work`` the folder of this recipe's steps, or find that those in it are.

    A step belongs to all that it depends on: a recipe whose last run has changed goes on with the others.

    Raises:
        InputError: it holds a step of another recipe.
    """
    work.mkdir(parents=True, exist_ok=True)
    for number, run in enumerate(recipe.runs):
        runs = recipe.runs[: number + 1]
        learnt = [
            replace(source, rows={one.name: source.rows.get(one.name, 0) for one in runs})
            for source in recipe.sources
            if any(source.rows.get(one.name) for one in runs)
        ]
        taught = [replace(teachers[one.teacher], file=Path()) for one in runs if one.teacher is not None]
        text = repr((recipe.base, recipe.seed, recipe.fresh_layers, runs, learnt, taught))
        mine = hashlib.sha256(text.encode()).hexdigest()
        file = work / f"{run.name}.sha256"
        if (file.is_file() and file.read_text("utf-8") != mine) or (
            not file.is_file() and (work / run.name).exists()
        ):
            raise InputError(
                f"{work / run.name}.* is a step of another recipe: remove it and the steps after it, or "
                "write the checkpoint elsewhere"
            )
        file.write_text(mine, "utf-8")
