"""Ways to connect that a revision may use: each public function of a module is one, and runs in the attacked agent.

A function gets the address of the victim and returns the name of the database that answered. These files are copied
beside the attacking project and import nothing of the tests.
"""
