"""A person at a real Gajim: opens the window of ad-hoc commands, chooses one, fills in its form and completes it.

Runs Gajim in this process, since its windows have no other remote control. Prints one JSON object a step, with every
text that the window shows, and leaves a picture of the window of each step in the folder `out`.
"""
import json
import os
import sqlite3
import subprocess
import sys
import traceback

SETUP = json.loads(sys.argv.pop(1))

import gajim.gajim as gajim_main

gajim_main._check_required_deps()
gajim_main._set_env_vars()
gajim_main._init_gui('GTK')

from gi.repository import GLib, Gtk
from gajim.common import app
from gajim.common.settings import CREATE_SQL
from gajim.gtk.application import GajimApplication
from gajim.gtk.util import open_window
from nbxmpp.const import AdHocAction

TICK = 250  # milliseconds
MOST_TICKS = 160
SETTLING = 4  # ticks until a new page is drawn


def write_account():
    folder = os.path.join(os.environ['XDG_CONFIG_HOME'], 'gajim')
    os.makedirs(folder)
    account = {
        'account_label': 'lab', 'name': SETUP['user'], 'hostname': SETUP['domain'], 'password': SETUP['password'],
        'savepass': True, 'active': True, 'autoconnect': True, 'resource': 'gajim',
        'use_custom_host': True, 'custom_host': '127.0.0.1', 'custom_port': SETUP['port'], 'custom_type': 'PLAIN',
        'confirm_unencrypted_connection': False, 'use_plain_connection': True,
    }
    whole = json.dumps({'account': account, 'contact': {}, 'group_chat': {}})
    with sqlite3.connect(os.path.join(folder, 'settings.sqlite')) as settings:
        settings.executescript(CREATE_SQL)
        settings.execute("UPDATE settings SET settings=? WHERE name='app'", (json.dumps({'use_keyring': False}),))
        settings.execute('INSERT INTO account_settings(account, settings) VALUES (?, ?)', ('lab', whole))


def widgets_of(widget, kind):
    found = [widget] if isinstance(widget, kind) else []
    if isinstance(widget, Gtk.Container):
        widget.forall(lambda child: found.extend(widgets_of(child, kind)))
    return found


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
        try:
            if self.ticks > MOST_TICKS:
                raise TimeoutError(self.todo[0].__name__)
            if self.todo[0]():
                self.todo.pop(0)
                self.drawn = 0
        except Exception:
            traceback.print_exc()
            os._exit(1)
        if not self.todo:
            os._exit(0)
        return True

    def is_shown(self, *pages):
        if self.window.get_current_page() not in pages:
            return False
        self.drawn += 1
        return self.drawn > SETTLING

    def tell(self, step):
        page = self.window.get_page(self.window.get_current_page())
        print(json.dumps({'step': step, 'texts': texts_of(page)}), flush=True)
        window = hex(self.window.get_window().get_xid())
        subprocess.run(['import', '-window', window, os.path.join(SETUP['out'], f'{step}.png')], check=True)

    def open(self):
        connected = [name for name in app.settings.get_accounts() if app.account_is_connected(name)]
        if connected:
            self.window = open_window('AdHocCommands', account=connected[0], jid=SETUP['jid'])
        return bool(connected)

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


write_account()
GLib.timeout_add(TICK, Person().tick)
GajimApplication().run(['gajim'])
