# heading
rule årÿÿÿÿÿle årÿÿøÿÿÿúôšßnÿÿspect(%x)
rewrite
  %y  `also` line
