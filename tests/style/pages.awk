# Copyright (C) Ficus authors
#
# What pages.sh wants of each file.  Prints FILE:LINE: message for each finding,
# and fails when there was one.


function say(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message
    bad = 1
}

FNR == 1 {
    start = 0
}

FNR <= 5 && /Copyright \(C\) Ficus authors/ {
    copyright[FILENAME] = 1
}

{
    lines[FILENAME] = FNR
    width = $0
    gsub(/[\200-\277]/, "", width)
}

length(width) > 80 { say("longer than 80 columns") }
/\t/ { say("tab") }
/[ ]$/ { say("blanks at the end of the line") }

/^(export )?(async )?function / { start = FNR }

start && /^}/ {
    if (FNR - start > 80) {
        say("function of more than 80 lines")
    }

    start = 0
}

END {
    for (file in lines) {
        if (lines[file] > 300) {
            printf "%s: %d lines, 300 is the limit\n", file, lines[file]
            bad = 1
        }

        if (!copyright[file] && file !~ /\.svg$/) {
            printf "%s: no copyright\n", file
            bad = 1
        }
    }

    exit bad
}
