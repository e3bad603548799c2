"""A person at a real Gajim: opens the window of ad-hoc commands, chooses one, fills in its form and completes it.

Tells every text that the window shows at each step, and leaves a picture of it.
"""
import os
import subprocess

from gajim_person import connected_account, open_gajim, tell, widgets_of, work

SETUP = open_gajim()

from gi.repository import Gtk
from gajim.gtk.util import open_window
from nbxmpp.const import AdHocAction

MOST_TICKS = 160
SETTLING = 4  # ticks until a new page is drawn


def texts_of(page):
    texts = [label.get_text() for label in widgets_of(page, Gtk.Label)]
    for view in widgets_of(page, Gtk.TreeView):
        texts += [str(cell) for row in view.get_model() for cell in row]
    for view in widgets_of(page, Gtk.TextView):
        buffer = view.get_buffer()
        texts.append(buffer.get_text(buffer.get_start_iter(), buffer.get_end_iter(), False))
    return [text for text in texts if text]


class Person:
    """Does one thing after another, each when the window is ready for it."""

    def __init__(self):
        self.window = None
        self.ticks = 0
        self.todo = [self.open, self.choose, self.fill_in, self.submit, self.read]
        self.drawn = 0

    def tick(self):
        self.ticks += 1
        if self.ticks > MOST_TICKS:
            raise TimeoutError(self.todo[0].__name__)
        if self.todo[0]():
            self.todo.pop(0)
            self.drawn = 0
        if not self.todo:
            os._exit(0)

    def is_shown(self, *pages):
        if self.window.get_current_page() not in pages:
            return False
        self.drawn += 1
        return self.drawn > SETTLING

    def tell(self, step):
        page = self.window.get_page(self.window.get_current_page())
        window = hex(self.window.get_window().get_xid())
        subprocess.run(['import', '-window', window, os.path.join(SETUP['out'], f'{step}.png')], check=True)
        tell(texts=texts_of(page), picture=f'{step}.png')

    def open(self):
        account = connected_account()
        if account:
            self.window = open_window('AdHocCommands', account=account, jid=SETUP['jid'])
        return account is not None

    def choose(self):
        if not self.is_shown('commands'):
            return False
        tree = widgets_of(self.window.get_page('commands'), Gtk.TreeView)[0]
        for row in tree.get_model():
            if row[1].endswith(f":{SETUP['node']}"):
                tree.get_selection().select_iter(row.iter)
        self.tell('list')
        self.window._on_execute()
        return True

    def fill_in(self):
        if not self.is_shown('stage'):
            return False
        # The widgets of a grid come last first.
        entries = reversed(widgets_of(self.window.get_page('stage'), Gtk.Entry))
        for entry, text in zip(entries, SETUP['texts']):
            entry.set_text(text)
        return True

    def submit(self):
        if not self.is_shown('stage'):
            return False
        self.tell('form')
        self.window._on_stage_action(AdHocAction.COMPLETE)
        return True

    def read(self):
        if not self.is_shown('completed', 'error'):
            return False
        self.tell('result')
        return True


work(Person().tick)
