"""A local web page on which students train small networks, a CNN, and try filters: `python -m fastconv.playground`.

A tab of the page has two halves.

On the server it is a subclass of `Tab` (`tab.py`), or of `TrainingTab` if it trains on a thread. The class stands in
`TABS` of `server.py`, and the session of each student has an object of it. `actions()` maps the type of a message to
the method that answers it. The method takes a `Message` (`messages.py`), checks each value with `fields.py`, and
returns the answer or None. If a value is wrong, it raises ValueError, and the page shows the text of the error.
`push` sends further messages at any time.

On the page it is a JavaScript module in `static/` with the name of the tab, listed in `TABS` of `static/main.js`. Its
function `open(panel, connection)` fills the panel, an element of `index.html` whose id is the name of the tab, and
returns `{receive(message), show(), hide(), reconnected()}`. `connection.send(type, fields, arrays)` sends a message
to the tab on the server. A tab that trains sends "drawn" after it has drawn a frame. Styles of a tab stand in a CSS
file of its name.
"""

from fastconv.playground.notebook import show
from fastconv.playground.server import serve

__all__ = ["serve", "show"]
