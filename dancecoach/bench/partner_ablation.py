"""What each part of the partner is worth: the same folds with one part off at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dancecoach.bench.partner import endurance, fold_indices
from dancecoach.bench.partner_corruption import CORRUPTIONS, DROPOUTS, Endured, endured
from dancecoach.bench.partner_engines import Shipped
from dancecoach.bench.partner_figures import over_takes, over_windows, take_figures, window_features
from dancecoach.partner.partner import Parts
from dancecoach.session.duets import Duet
from dancecoach.types import Floats

VARIANTS: Mapping[str, Parts] = {
    "all parts": Parts(),
    "no rhythm": Parts(rhythm=False),
    "no energy": Parts(energy=False),
    "newest answer alone": Parts(averaging=False),
    "no distance": Parts(distance=False),
    "no hands": Parts(hands=False),
    "no touch": Parts(touch=False),
    "no feet": Parts(feet=False),
    "not learned with gaps": Parts(back=False),
    "model alone": Parts(rhythm=False, energy=False, distance=False, hands=False, touch=False, feet=False),
}


# What acts only after the leader was away is measured there.
_WITH_GAPS = ("all parts", "not learned with gaps")


def ablations(duets: Sequence[Duet], folds: int) -> dict[str, dict[str, Any]]:
    """Return the figures of every variant by name, over all takes, each danced by a model that did not see it.

    Some have `corrupted` too, as `partner.run` has, for each length of dropouts.
    """
    followers: dict[str, dict[str, Floats]] = {name: {} for name in VARIANTS}
    away: dict[str, dict[str, list[Endured]]] = {name: {kind: [] for kind in DROPOUTS} for name in _WITH_GAPS}
    for group in fold_indices(len(duets), folds):
        model = Shipped()
        model.fit([duet for index, duet in enumerate(duets) if index not in group])
        for name, parts in VARIANTS.items():
            model.parts = parts
            for index in group:
                duet = duets[index]
                plain = followers[name][duet.name] = model.run(duet.leader, duet.follower[0])
                for kind, each in away.get(name, {}).items():
                    made = model.run(CORRUPTIONS[kind](duet.leader), duet.follower[0])
                    each.append(endured(kind, made, plain, duet.follower))
    reference = window_features(duets, [duet.follower for duet in duets])
    found: dict[str, dict[str, Any]] = {}
    for name, danced in followers.items():
        rooms = [danced[duet.name] for duet in duets]
        takes = [take_figures(duet, room) for duet, room in zip(duets, rooms, strict=True)]
        found[name] = over_takes(takes) | over_windows(window_features(duets, rooms), reference)
        if name in away:
            found[name]["corrupted"] = {kind: endurance(each) for kind, each in away[name].items()}
    return found
