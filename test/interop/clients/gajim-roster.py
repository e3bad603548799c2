"""A person who looks at a contact in Gajim's roster, again and again, with the mouse pointer over it.

Tells every new text of the contact's tooltip, and leaves a picture of the window with the tooltip.
"""
import os
import subprocess

from gajim_person import connected_account, open_gajim, tell, widgets_of, work

SETUP = open_gajim()

from gi.repository import Gdk, Gtk
from gajim.common import app
from gajim.gtk.roster import Column, Roster

WIDTH, HEIGHT = 420, 360
MOST_COLOURS = '64'  # enough for widgets; keeps the picture small


class Person:
    def __init__(self):
        self.tree = None
        self.is_over = False
        self.told = None
        self.pictures = 0

    def tick(self):
        if self.tree is None:
            return self.open()
        shown = self.read_tooltip()
        if shown and shown != self.told:
            self.told = shown
            self.pictures += 1
            name = f'{self.pictures}.png'
            self.photograph(name)
            tell(texts=shown, picture=name)
        # The text of a tooltip stays until the pointer has been elsewhere; it appears when the pointer rests.
        if self.is_over == bool(shown):
            self.is_over = not self.is_over
            self.point()

    def open(self):
        account = connected_account()
        if account is None:
            return
        app.window.show_account_page(account)
        app.window.move(0, 0)
        app.window.resize(WIDTH, HEIGHT)
        rosters = widgets_of(app.window, Roster)
        if rosters:
            self.tree = rosters[0]._roster
            tell(texts=['ready'])

    def point(self):
        row = next((r for r in self.rows(self.tree.get_model()) if r[Column.JID_OR_GROUP] == SETUP['contact']), None)
        if row is None:
            return
        area = self.tree.get_cell_area(row.path, self.tree.get_column(0))
        x, y = self.tree.convert_bin_window_to_widget_coords(area.x + 30, area.y + area.height // 2)
        _, left, top = self.tree.get_window().get_origin()
        pointer = Gdk.Display.get_default().get_default_seat().get_pointer()
        below = area.height * 2  # where the list is empty
        pointer.warp(Gdk.Screen.get_default(), left + x, top + y + (0 if self.is_over else below))

    def rows(self, model):
        for row in model or []:
            yield row
            yield from row.iterchildren()

    def read_tooltip(self):
        for window in Gtk.Window.list_toplevels():
            if window.get_window_type() == Gtk.WindowType.POPUP and window.get_mapped():
                labels = [label for label in widgets_of(window, Gtk.Label) if label.get_mapped()]
                if labels:
                    return [label.get_text() for label in labels]
        return None

    def photograph(self, name):
        place = os.path.join(SETUP['out'], name)
        area = f'{WIDTH}x{HEIGHT}+0+0'
        subprocess.run(
            ['import', '-window', 'root', '-crop', area, '+repage', '+dither', '-colors', MOST_COLOURS, '-strip', place], check=True
        )


work(Person().tick)
