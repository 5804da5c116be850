"""The Corps of notebook 3. It is in a module, since with msgpack and pickle classes travel by their names."""

from corps import Corps


class Echo(Corps):
    """Gives back what it gets, and calls functions."""

    def back(self, thing):
        return thing

    def call(self, function, argument):
        return function(argument)
