"""A row of a benchmark's table; counts the goals it misses."""


class Cells:
    def __init__(self, name):
        self.cells, self.goals, self.missed = [name], 0, 0

    def add(self, text, goal="", met=True):
        if goal:
            self.goals += 1
            self.missed += not met
        self.cells.append(text + (f" ({goal})" if goal else "") + ("" if met else " MISSED"))

    def line(self):
        return "| " + " | ".join(self.cells) + " |"


def closing(rows, others, processors):
    """The lines under a table: goals missed, and how many processors other programs kept busy."""
    middle = sorted(others)[len(others) // 2]
    return (f"{sum(c.missed for c in rows)} of {sum(c.goals for c in rows)} goals missed. Other programs kept {min(others):.2f} to"
            f" {max(others):.2f} (median {middle:.2f}) of {processors} processors busy meanwhile"
            + (": rates mean little" if middle > 0.1 else "") + ".")
