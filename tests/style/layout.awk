# Copyright (C) Ficus authors
#
# Usage: awk -f layout.awk FILE LAID-OUT
#
# Prints LAID-OUT, what uncrustify made of FILE, but leaves alone what nginx's
# own sources do where uncrustify cannot follow:
#
# - what goes on in the next line with an arithmetic operator, a comparison, a
#   flag or a string is indented by eye;
# - arguments moved left, since below the first one they pass 80 columns;
# - six columns before the end of a table, and no blanks in bit fields.


function bare(text) {
    sub(/^ +/, "", text)
    return text
}


# Takes over the lines from FIRST to LAST, where the two differ by indentation
# alone, when one of them would become too long.

function keep_if_long(first, last,    i, long) {
    for (i = first; i <= last; i++) {
        long = long || length(laid[i]) > 80
    }

    for (i = first; long && i <= last; i++) {
        laid[i] = own[i]
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

        if (indented && bare(own[i]) ~ /^([=!<>]=? |[-+*\/?:] |\|[A-Z]|")/) {
            laid[i] = own[i]
            indented = 0
        }

        if (indented && !start) {
            start = i

        } else if (!indented && start) {
            keep_if_long(start, i - 1)
            start = 0
        }
    }

    for (i = 1; i <= lines; i++) {
        print laid[i]
    }
}
