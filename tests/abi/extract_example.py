"""Usage: extract_example.py HEADER OUTPUT

Makes a program out of the example in the header's opening comment: the indented block, less the numbered notes at the
ends of its lines. It minimizes |w - (1, -2)|^2 / 2 and must get there.
"""
import pathlib
import re
import sys

BEFORE = """\
#include <math.h>
#include <optim/optim.h>
#include <stdint.h>
#include <stdio.h>

int main(void) {
    float w[2] = {0, 0}, grad[2];
"""
AFTER = """\
    printf("w = (%g, %g)\\n", (double)w[0], (double)w[1]);
    return fabsf(w[0] - 1) < 0.05f && fabsf(w[1] + 2) < 0.05f ? 0 : 1;
}
"""


def main():
    comment = pathlib.Path(sys.argv[1]).read_text().split("*/")[0]
    block = re.findall(r"^ \* {5}(.*)$", comment, flags=re.M)
    if not any("optim_create" in line for line in block) or not any("optim_step" in line for line in block):
        sys.exit("the opening comment of the header holds no example program")
    code = [re.sub(r"\s{2,}\d\. .*$", "", line) for line in block]
    pathlib.Path(sys.argv[2]).write_text(BEFORE + "".join(f"    {line}\n" for line in code) + AFTER)


main()
