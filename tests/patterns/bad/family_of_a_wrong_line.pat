family @bin = add "v.bin"
# what a wrong line says of its op gives no errors of its own
rule r
match
  %n = neg(%x)
  %y = @bin:b(%n, %k)         # error: @bin may have attributes that no table lists
where no_spec(..), @b in add
rewrite
  %m = neg(%k)
  %t = @b(%x, %m)
  %y = neg(%t)
