"""A player of animations in HTML, which needs no network."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from string import Template

PAGE = Template("""<div id="$id" role="group" aria-label="animation">
<img alt="frame of the animation" style="max-width: 100%; display: block">
<button type="button" aria-label="previous frame">&#9664;</button>
<button type="button" aria-label="play or pause">&#10074;&#10074;</button>
<button type="button" aria-label="next frame">&#9654;</button>
<input type="range" min="0" max="$last" value="0" aria-label="frame">
<script>
(() => {
  const root = document.getElementById("$id"), frames = $frames;
  const [back, play, next] = root.querySelectorAll("button"), slider = root.querySelector("input");
  let timer = null;
  const show = (frame) => {
    slider.value = (frame + frames.length) % frames.length;
    root.querySelector("img").src = "data:image/png;base64," + frames[slider.value];
  };
  const pause = () => { clearInterval(timer); timer = null; play.textContent = "\\u25b6\\u25b6"; };
  const start = () => {
    timer = setInterval(() => show(+slider.value + 1), $milliseconds);
    play.textContent = "\\u275a\\u275a";
  };
  back.onclick = () => { pause(); show(+slider.value - 1); };
  next.onclick = () => { pause(); show(+slider.value + 1); };
  play.onclick = () => { if (timer) { pause(); } else { start(); } };
  slider.oninput = () => { pause(); show(+slider.value); };
  show(0);
  start();
})();
</script>
</div>
""")


def player(frames: Sequence[bytes], milliseconds: float) -> str:
    """Return HTML that shows PNG files one after another, with buttons and a slider.

    Args:
        frames: the files.
        milliseconds: the time of a frame.
    """
    texts = json.dumps([base64.b64encode(png).decode() for png in frames])
    name = f"player-{uuid.uuid4().hex}"
    return PAGE.substitute(id=name, last=len(frames) - 1, milliseconds=f"{milliseconds:g}", frames=texts)
