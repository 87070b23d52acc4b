# Runs one Postgres server for as long as somebody holds the other end of our stdin.
#   $1  folder with walsift.conf in it; data/ is made where missing
#   $2  folder of the server programs
# Orders, one a line on stdin: INT and QUIT are passed on to the server, KILL ends all its processes at once,
# `leave` ends us and leaves folder and server alone. At the end of stdin both are removed: that is how they
# go when the one who started us was killed.
folder=$1
programs=$2

# Whatever stops our starter is none of our business; we go when it has gone.
trap '' HUP INT TERM

if [ ! -f "$folder/data/PG_VERSION" ]; then
    if "$programs/initdb" --pgdata="$folder/data" --auth=trust --username=postgres --no-sync \
        --encoding=UTF8 --locale=C >/dev/null; then
        echo "include '$folder/walsift.conf'" >>"$folder/data/postgresql.conf"
    else
        rm -rf "$folder"
        exit 1
    fi
fi

# Our starter knows that no server is at work here; one that was killed has left its marks, though, and may still be
# a zombie, which Postgres takes for a server at work.
rm -f "$folder/data/postmaster.pid" "$folder"/.s.PGSQL.*

"$programs/postgres" -D "$folder/data" </dev/null >/dev/null &
server=$!

# From here on only the server's processes hold stderr: its end tells our starter that all of them are gone.
exec 2>/dev/null

while read -r order; do
    case $order in
    leave)
        exit 0
        ;;
    KILL)
        # Listed before the postmaster dies, killed after it, or it would start a recovery of its own.
        children=$(cat "/proc/$server/task/$server/children")
        kill -s KILL "$server" $children
        ;;
    *)
        kill -s "$order" "$server"
        ;;
    esac
done

# More than once: a server that has only just been started ignores signals at first.
while kill -s QUIT "$server"; do sleep 0.1; done &
persuader=$!
wait "$server"
kill -s KILL "$persuader"
# Still there if the server was killed; its seventh line ends with the number of the shared memory it left behind.
if [ -f "$folder/data/postmaster.pid" ]; then
    ipcrm -m "$(sed -n '7s/.* //p' "$folder/data/postmaster.pid")"
fi
# A second time for what a straggler wrote into it meanwhile.
rm -rf "$folder" || rm -rf "$folder"
