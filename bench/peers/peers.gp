# gnuplot -e "peers='peers.csv'; picture='peers.png'" peers.gp: time of each peer's step over that of libgradopt's.
set terminal pngcairo size 1400,600 font "sans,11" noenhanced
set output picture
set datafile separator ","
set title "Time of a step in units of libgradopt's, in the same turns (higher is slower)"
set logscale y
set ylabel "times libgradopt"
set grid ytics
set key outside right
set style fill solid 0.8
set boxwidth 0.16

# A place on the x axis for every case, method and number of threads, in the order of the file.
last = ""
place = 0
tics = ""
begin(label) = (last = label, place = place + 1, tics = tics . sprintf("'%s' %d, ", label, place))
at(label) = (label ne last ? begin(label) : "", place)
here(i) = at(strcol(1)." ".strcol(2).", ".strcol(6)." thr.")
stats peers skip 1 using (here(0)) nooutput
eval "set xtics rotate by -60 (".tics[1:strlen(tics) - 2].")"
set xrange [0.4:place + 0.6]

names = "'torch fused' 'torch foreach' 'torch for-loop' 'DeepSpeed CPUAdam' 'ensmallen (Adam)'"
bar(name) = strcol(3) eq name ? column(9) : NaN
restart(i) = (last = "", place = 0, i)
plot 1 with lines linewidth 2 linecolor "black" title "libgradopt", \
     for [i = 1:words(names)] peers skip 1 using \
         ((column(0) == 0 ? restart(0) : 0, here(0) + (i - 3) * 0.16)):(bar(word(names, i))) with boxes title word(names, i)
