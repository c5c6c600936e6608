"""The crash matrix: every step of every connector, ended or disturbed at every point where it can be.

    python -m tests.matrix [--only WORDS] [--without GUARD]        as a table; exit status 1 if a cell does not hold

A *cell* is a step of a way through a vendor (`shops.WAYS`), a point in it, and what happens there:

    killed   the worker is ended with SIGKILL
    cut      the worker lives, its connection to the vendor does not
    late     the worker is stopped (SIGSTOP) until its lease is long over and others have gone on, then woken
    gone     the worker has the vendor's reply, and its database is away
    slow     a download takes longer than a lease, while another host sweeps

The points, in their order: before_intent and after_intent (of the commit that records the call), before_send,
connected (nothing was sent yet), sent (the vendor does not get it), answered (the vendor has done it, the reply is on
its way), half (of the reply has come), after_reply (which is not written down yet), after_settle (the work is
committed, the queue has not been told).

Workers are real processes, forked from one that has Django loaded; connections are real and go through `proxy`; what
stands still is time: `shared` moves the clocks of desk and vendor on together, so that nothing is waited for. The
oracle is the vendor's journal (`tests/erasure/worker/shop.py`). In each cell the case must end, each effect must have
an earlier intent, there is at most one of each or the trail names every further one, their order is kept, and in the
end the trail of all cells verifies. `guards` leaves out one guard of the engine at a time: some cells must then not
hold.
"""
