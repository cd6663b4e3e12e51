"""What the HTML of a moving picture consists of, as a browser would read it."""

import base64
import io
import json
import re
from html.parser import HTMLParser

from PIL import Image


class Parts(HTMLParser):
    """``tags`` in their order with their attributes, ``text`` outside of scripts, ``script`` the
    one script, ``data`` what it knows, ``mark`` of which figure."""

    def __init__(self, moving):
        super().__init__()
        self.tags, self.text, self.script = [], "", ""
        self.feed(moving._repr_mimebundle_()[0]["text/html"])
        self.close()
        call = re.search(r'^wake\("(\w+)", (\{.*\}), live\);$', self.script, re.M)
        self.mark, self.data = call[1], json.loads(call[2])

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags[-1][0] == "script":
            self.script += data
        else:
            self.text += data

    @property
    def still(self) -> dict:
        """The attributes of the still picture."""
        (image,) = [attributes for tag, attributes in self.tags if tag == "img"]
        return image


def opened(letters: str) -> Image.Image:
    """The image of a PNG in base64, with or without the beginning of its address."""
    return Image.open(io.BytesIO(base64.b64decode(letters.rpartition(",")[2])))
