"""The engine. A lane is a vendor's due sub-tasks; a worker claims one, or a batch, makes one call, settles it, and goes
on.

    claims      what these parts hand to each other, and the times that hang together
    lanes       claim due work: intent before bytes          (transaction 1)
    signing_in  fetch the account's token first, where it needs one: a call of its own
    steps       run one step of a connector: one HTTP call   (no transaction)
    settle      write down what came of it, if still ours    (transaction 2)
    follow      what each sub-task does after its call       (in that transaction)
    attention   what people read when they have to look
    numbers     whose work a vendor's number stands for
    pace        how long the engine waits, and when it leaves a vendor alone
    imports     open the rows of a large file
    sweep       make up for what was lost: hints, leases, ends; hand over what only a person can confirm
    supervisor  keep a worker group alive on one host        (`manage.py work`), by its signs of life
    group       one qcluster with all its processes, and the record by which a later run knows them
    heartbeat   the signs of life; broker asks for them
    processes   which process is which
    points      where a test can end a process

The times hang together: a call is sent within SEND_SECONDS of its claim, its lease is longer than that, a lane hands
back after RUN_SECONDS, and the queue waits far longer for a worker than any of these (settings.Q_CLUSTER).
"""
