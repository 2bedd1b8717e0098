"""What was meant by a target that no rule makes? Another recipe's artifact, or a name with a typo."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

OF_A_RECIPE = ("blends", "checkpoints", "exports", "reports")


@dataclass(frozen=True)
class Known:
    """
    What can be asked for. recipe: its file's name. name: what its artifacts go by. recipes: all there are. rules: of
    the workflow. files: targets of this recipe. datasets: of this recipe.
    """

    recipe: str
    name: str
    recipes: tuple[str, ...]
    rules: tuple[str, ...]
    files: tuple[str, ...]
    datasets: tuple[str, ...]

    @classmethod
    def of(cls, workflow: Any) -> "Known":
        """workflow: a nano3.graph.workflow.Workflow."""
        paths, request = workflow.paths, workflow.request
        files = [*paths.report_files, *paths.lineage_files, *paths.export_files]
        files += [file for phase in request.recipe.phases for file in paths.blend_files(phase)]
        files += [paths.index_cache(phase) for phase in request.recipe.phases]
        files += [file for place in request.places for file in paths.segment_files(*place)]
        files += [paths.index(dataset) for dataset in request.datasets]
        recipes = sorted(path.stem for path in Path("config/recipes").glob("*.yaml"))
        return cls(
            workflow.settings.recipe,
            request.name,
            tuple(recipes),
            tuple(workflow.engine.rule_names),
            tuple(files),
            tuple(request.datasets),
        )


def no_rule(target: str, known: Known | None) -> str:
    """Why a run has no rule for a target, and what to type. known: None if the recipe was not read."""
    if known is None:
        return f"{target}: no rule makes this"
    parts = Path(target).parts
    if len(parts) > 3 and parts[0] == "results" and parts[1] in OF_A_RECIPE and parts[2] != known.name:
        return _of_another_recipe(target, parts[2], known)
    if len(parts) > 4 and parts[:2] == ("results", "tokens") and parts[3] not in known.datasets:
        near = _near(parts[3], known.datasets)
        meant = f"did you mean {near}?" if near else f"it has {', '.join(known.datasets)}"
        return f"{target}: recipe {known.name} has no dataset {parts[3]}; {meant}"
    where = f"{target}: no rule makes this in a run of recipe {known.name}"
    near = _near(target, known.files if len(parts) > 1 else known.rules)
    return f"{where}; did you mean {near}?" if near else f"{where}: name a file such as {known.files[1]}, or none"


def _of_another_recipe(target: str, name: str, known: Known) -> str:
    base = name.partition("+")[0]
    run = f"{target}: this run is of recipe {known.name}"
    if name in known.recipes:
        return f"{run}, the target is of {name}: type `snakemake {target} --config recipe={name}`"
    if "+" in name and base in known.recipes:
        return f'{run}, the target is of {base} with overrides: give them, --config recipe={base} set="…"'
    near = _near(name, (known.name, *known.recipes))
    return f"{run}, and there is no recipe {name}; " + (
        f"did you mean {near}?" if near else f"there are {', '.join(known.recipes)}"
    )


def _near(word: str, words: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(word, words, 1, 0.8 if "/" in word else 0.6)), None)
