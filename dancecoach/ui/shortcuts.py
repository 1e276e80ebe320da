"""Keys and what they do: the one list behind the shortcuts, the cheat-sheet and the tool tips."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shortcut:
    """`keys` as Qt spells them; `command` the method of the main window; `words` for the cheat-sheet."""

    keys: tuple[str, ...]
    command: str
    words: str
    label: str = ""

    @property
    def shown(self) -> str:
        """The keys as written on the cheat-sheet."""
        return self.label or " or ".join(self.keys)


SHORTCUTS = (
    Shortcut(("Space",), "toggle_playing", "play or pause the music"),
    Shortcut(("R",), "toggle_recording", "record, stop recording"),
    Shortcut(("M",), "toggle_mirror", "mirror on or off"),
    Shortcut(("F", "F11"), "toggle_fullscreen", "full screen on or off", "F"),
    Shortcut(("Esc",), "leave", "leave full screen, close what is open"),
    Shortcut(("1",), "set_the_one", "this beat is the one"),
    Shortcut(("T",), "tap_tempo", "tap the tempo"),
    Shortcut(("H",), "halve_tempo", "count half as fast"),
    Shortcut(("J",), "double_tempo", "count twice as fast"),
    Shortcut(("N",), "reset_take", "start the score afresh"),
    Shortcut(("[",), "mark_loop_start", "loop from here"),
    Shortcut(("]",), "mark_loop_stop", "loop up to here"),
    Shortcut(("\\",), "clear_loop", "no loop"),
    Shortcut(("-",), "slower", "slower by 5 %", "−"),
    Shortcut(("=", "+"), "faster", "faster by 5 %", "="),
    Shortcut((",",), "offset_earlier", "beats 10 ms earlier", ","),
    Shortcut((".",), "offset_later", "beats 10 ms later", "."),
    Shortcut(("P",), "toggle_partner", "partner on or off"),
    Shortcut(("W",), "next_partner_view", "next view of the partner"),
    Shortcut(("G",), "next_partner_ghost", "ghost of the partner: 2, 3, 4 counts ahead, off"),
    Shortcut(("O",), "toggle_partner_role", "partner follows or leads"),
    Shortcut(("L",), "toggle_large", "large type on or off"),
    Shortcut(("C",), "next_theme", "next colour theme"),
    Shortcut(("V",), "open_review", "review recorded sessions"),
    Shortcut(("K",), "open_calibration", "calibrate the delays"),
    Shortcut(("S",), "open_settings", "settings"),
    Shortcut(("Ctrl+O",), "choose_music", "open a music file"),
    Shortcut(("D", "F12"), "toggle_debug", "stage timings", "D"),
    Shortcut(("F1", "?"), "toggle_help", "this list"),
)
BY_COMMAND = {item.command: item for item in SHORTCUTS}
