# Copyright (C) Ficus authors
#
# What uncrustify does not check of nginx's style.  Prints FILE:LINE: message
# for each finding, and fails when there was one.  Written for mawk, too, which
# knows no {n} in regular expressions.


function say(line, message) {
    printf "%s:%d: %s\n", FILENAME, line, message
    bad = 1
}


# The block of declarations at the top of a function has ended: shortest type
# first, arrays last as they come, all names in one column.

function check_declarations(    i) {
    for (i = 2; i <= count; i++) {
        if (type_len[i] < type_len[i - 1] && !array[i] && !array[i - 1]) {
            say(line[i], "declarations are not sorted by type length")
            break
        }
    }

    for (i = 2; i <= count; i++) {
        if (column[i] != column[1]) {
            say(line[i], "declared name is not aligned with the block")
            break
        }
    }

    count = 0
}


function add_declaration(    rest) {
    match($0, /^    (const |struct |unsigned |static )*[A-Za-z_][A-Za-z_0-9]*/)
    count++
    type_len[count] = RLENGTH
    line[count] = FNR
    rest = substr($0, RLENGTH + 1)
    match(rest, /^ +\**/)
    column[count] = type_len[count] + RLENGTH
    array[count] = rest ~ /\[/
}


FNR == 1 {
    count = in_block = blank = last_blank = before_comment = 0
    last = last2 = ""

    if ($0 != "") {
        say(1, "a file begins with an empty line and the copyright")
    }
}

FNR == 3 && $0 !~ /^ \* Copyright \(C\) / {
    say(3, "no copyright line")
}

{
    if (length($0) > 80) {
        say(FNR, "line is longer than 80 columns")
    }

    if ($0 ~ /\t/) {
        say(FNR, "tab")
    }

    if ($0 ~ /[ \t\r]$/) {
        say(FNR, "trailing blank")
    }

    text = $0
    gsub(/"([^"\\]|\\.)*"/, "\"\"", text)

    if (text ~ /(^|[^:])\/\//) {
        say(FNR, "// comment")
    }

    if ($0 ~ /^ +} else/ && blank != 1 && last !~ /^#/) {
        say(FNR, "no empty line before else")
    }
}

# The name of a function stands alone under its type; what is above the type
# is two empty lines, or a comment that has them above itself.

/^[a-z_0-9]+\(/ && last ~ /^(static |ngx_|void|char|u_char|const |struct |size_t|ssize_t|uint|int|bool|double|unsigned|time_t|off_t|fig_)/ && last !~ /[;,(]/ {
    if (last2 ~ /^( \*\/|\/\*.*\*\/)$/) {
        if (last_blank > 1) {
            say(FNR, "want at most one empty line between comment and function")
        }

        if (before_comment != 2) {
            say(FNR, "want two empty lines before a function's comment")
        }

    } else if (last_blank != 2 && last2 !~ /^#/) {
        say(FNR, "want two empty lines before a function")
    }
}

/^{$/ {
    in_block = 1
    count = 0
}

in_block && !/^{$/ {
    if ($0 ~ /^    (const |struct |unsigned |static )*[A-Za-z_][A-Za-z_0-9]*  +\**[A-Za-z_][A-Za-z_0-9]*.*;$/ && $0 !~ /=.*;/) {
        add_declaration()

    } else if ($0 ~ /^    (const |struct |unsigned |static )*[a-z_][a-z_0-9]* \**[a-z_][a-z_0-9]*(\[.*\])?;$/ && $1 !~ /^(return|goto)$/) {
        say(FNR, "want at least two blanks before a declared name")

    } else if ($0 == "") {
        check_declarations()

        if (last ~ /;$/ && last !~ /=/) {
            in_block = 0
        }

    } else if ($0 !~ /^    .*=.*;$/) {
        count = 0
        in_block = 0
    }
}

/^\/\*/ {
    before_comment = blank
}

$0 == "" {
    blank++
}

$0 != "" {
    last2 = last
    last = $0
    last_blank = blank
    blank = 0
}

END {
    exit bad
}
