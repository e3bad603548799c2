"""A person at a real Gajim, which runs in this process, since its windows have no other remote control.

Call `open_gajim` once; then import from Gajim, and give `work` what the person does.
"""
import json
import os
import sqlite3
import sys
import traceback

TICK = 250  # milliseconds


def open_gajim():
    """Prepares Gajim with the account of the setup, which is the only argument of the program, and returns the setup."""
    setup = json.loads(sys.argv.pop(1))
    import gajim.gajim as gajim_main

    gajim_main._check_required_deps()
    gajim_main._set_env_vars()
    gajim_main._init_gui('GTK')
    _write_account(setup)
    return setup


def _write_account(setup):
    from gajim.common.settings import CREATE_SQL

    folder = os.path.join(os.environ['XDG_CONFIG_HOME'], 'gajim')
    os.makedirs(folder)
    account = {
        'account_label': 'lab', 'name': setup['user'], 'hostname': setup['domain'], 'password': setup['password'],
        'savepass': True, 'active': True, 'autoconnect': True, 'resource': 'gajim',
        'use_custom_host': True, 'custom_host': '127.0.0.1', 'custom_port': setup['port'], 'custom_type': 'PLAIN',
        'confirm_unencrypted_connection': False, 'use_plain_connection': True,
    }
    whole = json.dumps({'account': account, 'contact': {}, 'group_chat': {}})
    with sqlite3.connect(os.path.join(folder, 'settings.sqlite')) as settings:
        settings.executescript(CREATE_SQL)
        settings.execute("UPDATE settings SET settings=? WHERE name='app'", (json.dumps({'use_keyring': False}),))
        settings.execute('INSERT INTO account_settings(account, settings) VALUES (?, ?)', ('lab', whole))


def connected_account():
    """The name of the account once it is connected."""
    from gajim.common import app

    return next((name for name in app.settings.get_accounts() if app.account_is_connected(name)), None)


def widgets_of(widget, kind):
    """All widgets of a kind below one, hidden ones too."""
    from gi.repository import Gtk

    found = [widget] if isinstance(widget, kind) else []
    if isinstance(widget, Gtk.Container):
        widget.forall(lambda child: found.extend(widgets_of(child, kind)))
    return found


def tell(**facts):
    """Tells the test something, as a line of JSON."""
    print(json.dumps(facts), flush=True)


def work(tick):
    """Runs Gajim and calls `tick` four times a second; ends it, with a trace, when that throws."""
    from gi.repository import GLib
    from gajim.gtk.application import GajimApplication

    def safely():
        try:
            tick()
        except Exception:
            traceback.print_exc()
            os._exit(1)
        return True

    GLib.timeout_add(TICK, safely)
    # Nobody listens any more.
    GLib.io_add_watch(sys.stdin, GLib.IO_HUP, lambda *_: os._exit(0))
    GajimApplication().run(['gajim'])
