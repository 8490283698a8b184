# gnuplot -e "step='step.csv'; peers='peers.csv'; picture='docs/performance.png'" bench/performance.gp
# Time of an element against the bytes that must move for it: nothing that keeps its state in memory gets below the bare
# traffic. step.csv is from bench_step (case huge), peers.csv from peers.py and may be left out.
names = exists("peers") ? "'torch fused' 'torch foreach' 'torch for-loop' 'DeepSpeed CPUAdam'" : ""
if (!exists("peers")) peers = step
set terminal pngcairo size 1400,620 font "sans,11" noenhanced
set output picture
set datafile separator ","

stats step skip 1 using (strcol(1) eq "huge" ? $6 : NaN) name "threads" nooutput
panels = threads_max > threads_min ? 2 : 1
bytes(method) = method eq "adamw" ? 28 : 20
row(threads) = strcol(1) eq "huge" && $6 == threads
peer(name, threads) = strcol(1) eq "huge" && strcol(3) eq name && $6 == threads ? $8 : NaN

# Points that fall together share a label.
label(method) = method eq "sgd:momentum=0.9" ? "momentum, adagrad, rmsprop, lion" : method eq "adamw" ? "adam, adamw" : \
                strstrt("adagrad rmsprop lion adam", method) > 0 ? "" : method

set xlabel "bytes that must move for an element"
set ylabel "ns an element"
set xrange [0:48]
set logscale y
set yrange [0.1:20]
set grid
set key top left
set multiplot layout 1,panels
do for [threads in panels == 2 ? sprintf("%d %d", threads_min, threads_max) : sprintf("%d", threads_min)] {
    n = int(threads)
    set title sprintf("50 million float32 elements, %d thread%s", n, n > 1 ? "s" : "")
    plot step skip 1 using 12:(row(n) ? $15 / $4 : NaN) with points pointtype 2 pointsize 1.5 linecolor "gray40" title "bare traffic", \
         step skip 1 using 12:(row(n) ? $11 : NaN) with points pointtype 7 pointsize 1 linecolor "#0060ad" title "libgradopt", \
         step skip 1 using ($12 + 0.6):(row(n) ? $11 : NaN):(label(strcol(2))) with labels left font ",9" textcolor "#0060ad" notitle, \
         for [name in names] peers skip 1 \
             using (bytes(strcol(2)) - 0.6):(peer(name, n)) with points pointsize 1.3 title name
}
unset multiplot
