# Copyright (C) Ficus authors
#
# Usage: awk -f layout.awk FILE LAID-OUT
#
# Prints LAID-OUT, what uncrustify made of FILE, but leaves alone what nginx's
# own sources do where uncrustify cannot follow:
#
# - what goes on in the next line with an arithmetic operator, a comparison, a
#   flag or a string is indented by eye;
# - arguments moved left, since below the first one they reach 80 columns;
# - six columns before the end of a table, and no blanks in bit fields.


function bare(text) {
    sub(/^ +/, "", text)
    return text
}


# What goes on with an operator, a flag or a string.

function continued(text) {
    return bare(text) ~ /^([=!<>]=? |[-+*\/?:] |\|[A-Z]|")/
}


# Takes over the lines from FIRST to LAST, where the two differ by indentation
# alone: all of them when one would become too long, else the continued ones.

function forgive(first, last,    i, long) {
    for (i = first; i <= last; i++) {
        long = long || length(laid[i]) > 79
    }

    for (i = first; i <= last; i++) {
        if (long || continued(own[i])) {
            laid[i] = own[i]
        }
    }
}


FNR == NR {
    own[++count] = $0
    next
}

/^    ngx_[a-z_]*null_[a-z]+$/ {
    $0 = "  " $0
}

/^ +unsigned +[a-z_0-9]+ : [0-9]+;/ {
    sub(/ : /, ":")
}

/^FIG_(NODISCARD|PRINTF\(.*\));$/ {
    $0 = "    " $0
}

{ laid[++lines] = $0 }

END {
    start = 0

    for (i = 1; lines == count && i <= lines + 1; i++) {
        indented = i <= lines && laid[i] != own[i] \
                   && bare(laid[i]) == bare(own[i])

        if (indented && !start) {
            start = i

        } else if (!indented && start) {
            forgive(start, i - 1)
            start = 0
        }
    }

    for (i = 1; i <= lines; i++) {
        print laid[i]
    }
}
