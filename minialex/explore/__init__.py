"""The explorer: a page on this machine that shows a trained network picture by picture, unit by
unit, and lets a reader change it and look again."""
