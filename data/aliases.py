"""The column names under which cities export the canonical fields: tables only, chosen from in columns.py.

Names are compared without case, accents, spaces and punctuation. Within a field, earlier names win.
"""

INCIDENT_FIELDS = ("id", "time", "lng", "lat", "category", "severity", "street", "mode", "weight")

#: Fields that a mapping may name besides the canonical ones: they are read, not stored under their name.
POSITION_FIELDS = ("geometry", "x", "y")

LNG = """
    lng lon longitude long londeg longdecimal longitudedecimal longitudewgs84 wgs84longitude lonwgs84
    xgcswgs84
    gpslongitude gpslon gpslong longitudedd ddlong longitudeofincident incidentlongitude crashlongitude
    startlng pointlongitude decimallongitude longitud longitudine laengengrad langengrad geolaenge geolon
    geolong xlongitude longitudex xlong xlon xwgs84 lon_dd longitudelongitud coordlon coordlong dlong
    reportedlongitude
""".split()

LAT = """
    lat latitude latdeg latdecimal latitudedecimal latitudewgs84 wgs84latitude latwgs84 ygcswgs84
    gpslatitude gpslat
    latitudedd ddlat latitudeofincident incidentlatitude crashlatitude startlat pointlatitude
    decimallatitude latitud breitengrad geobreite geolat ylatitude latitudey ylat ywgs84 lat_dd
    latitudelatitud coordlat dlat reportedlatitude
""".split()

X = """
    x xcoord xcoordinate coordx xcoordinates xcoords pointx easting eastings east rechtswert linkrefx utmx
    xutm geox xkoordinate coordenadax este stateplanex xstateplane xccoordinate
""".split()

Y = """
    y ycoord ycoordinate coordy ycoordinates ycoords pointy northing northings north hochwert linkrefy
    utmy yutm geoy ykoordinate coordenaday norte stateplaney ystateplane yccoordinate
""".split()

#: Columns that hold a whole geometry or a pair of coordinates as text.
GEOMETRY = """
    geometry geom wkt thegeom wktgeom wktgeometry geometrywkt geowkt shape wkbgeometry wkb geojson point
    location location1 geolocation latlng latlon latlong latitudelongitude georeference geocodedcolumn
    geocodedlocation geopoint geopoint2d locationpoint mappedlocation incidentpoint dispatchpoint
    intersectionpoint coordinates coords coordenadas koordinaten coordonnees geolocalizacion escene11
    thegeompoint
""".split()

#: A whole instant, best first.
TIME = """
    time datetime timestamp incidentdatetime incidenttime eventtime occurredat occurred occurredon
    occurreddatetime occurrencedatetime occurencedatetime dateoccurred dateofoccurrence occurrencedate
    occurencedate occurreddate datetimeofoccurrence crashdatetime crashdate accidentdatetime
    collisiondatetime collisiondate accidentdate incidentdate dateofincident alarmdatetime alarmdate
    incidentdatealarm dispatchtimecallcreate dispatchtimecallarrival callcreated callcreatedat calltime
    calldatetime calldate timecallcreate callreceived callreceiveddatetime receiveddttm receiveddatetime
    datetimereceived dispatchdatetime dispatchtime etimes01 etimes03 dispatched requesteddatetime
    createddate createdat createddatetime opendate openeddate opened datetimeopened eventdate
    eventdatetime startdate starttime startdatetime datetimestart reportdatetime reporteddatetime
    reportedon reportedat reporteddate reportdate datereported datetimereported offensedate
    offensestartdatetime cmplntfrdt date fulldate datum data fecha dataocorrencia datadaocorrencia
    datadofato datafato datahoradaocorrencia datahora datahoraocorrencia dataacidente dataocorr fechahora
    fechahecho fechaincidente fechaocurrencia fechadelhecho tatzeit zeitpunkt unfalldatum unfallzeit
    zeitstempel dateheure datedelaccident dateaccident horodatage datdt monthyear yearmonth month mes
    monat mois periode period year jahr ano annee an anno accidentyear crashyear incidentyear anodata
    unfalljahr ujahr caseyear occurredyear
""".split()

#: A time of day that completes a date in another column.
TIME_OF_DAY = """
    time timeofday hora horario heure uhrzeit zeit stunde hour hrmn hhmm crashtime accidenttime
    collisiontime incidenttime eventtime timeoccurred timeocc timeofoccurrence occurredtime occurrencetime
    reporttime reportedtime calltime alarmtime dispatchtime starttime horaocorrencia horadaocorrencia
    horadofato horadelhecho horahecho horaincidente cmplntfrtm unfallstunde ustunde timeofcrash
    timeofincident crashhour accidenthour hourofday timestr crashtm incidenttm
""".split()

#: Where no whole name fits, a column with such a word in its name is taken, unless another speaks against it.
TIME_WORDS = "date datetime timestamp datum fecha data".split()
CLOCK_WORDS = "time hora heure uhrzeit hour".split()
NOT_TIME_WORDS = """
    update updated modified modification edit edited editdate closed close completed completion due
    expected birth dob end ended expiry expiration source quality type format zone response travel source
    base id user by atualizacao cierre schluss encerramento nascimento nacimiento geburt naissance
""".split()
FIELD_WORDS = {
    "category": (
        "category type nature offense offence tipo natureza categoria delito kategorie categorie".split(),
        """
        id code location loc place premise vehicle veh weapon road street surface area address unit victim
        person sex gender race age weather light lighting case status source file geometry shape time date
        zone zip road license via veiculo vitima vehiculo victima rua local lugar logradouro
        """.split(),
    ),
    "severity": (
        "severity severidade gravidade gravedad gravite schwere".split(),
        "id date time person vehicle veh".split(),
    ),
}

#: Columns that together make a date.
YEAR = "year jahr ano annee an anno accidentyear crashyear incidentyear ujahr unfalljahr caseyear".split()
MONTH = "month mes monat mois accidentmonth crashmonth incidentmonth umonat unfallmonat monthnumber".split()
DAY = "day dia tag jour dayofmonth accidentday crashday".split()

ID = """
    id incidentid incidentneriisid incidentnerisid nerisid incidentnumber incidentno incidentnum
    incidentkey crashid crashnumber crashno crashrecordid crashkey collisionid collisionnumber accidentid
    accidentnumber accidentindex accidentno caseid casenumber caseno casenum reportnumber reportid eventid
    eventnumber eventno callid callnumber calltxid cadid cadnumber cadincidentnumber dispatchinternalid
    masterincidentnumber runnumber servicerequestid requestid servicerequestnumber srnumber uniquekey
    uniqueid uid uuid guid globalid dispatchno recordid recordnumber objectid objectidentifier ogcfid fid
    crimeid offenseid dcnumber rowid idacident idacidente idaccidente idocorrencia numeroocorrencia numbo
    idincidente folio expediente unfallid unfallnummer vorgangsnummer vorgang aktenzeichen numacc
    numeroaccident identifiant eresponse03 key gid stcase accidentreferencenumber
""".split()

CATEGORY = """
    category type incidenttype incidentcategory incidentfinaltypeprimary incidentfinaltype typeincident
    dispatchincidentcode calltype calltypedescription calltypedesc callcategory eventtype eventcategory
    finalcalltype initialcalltype naturecode nature callnature incidentnature incidenttypedescription
    incidenttypedesc incidenttypeprimary inctype inctypedesc problem chiefcomplaint edispatch01
    primarytype crimetype crimecategory offense offence offensetype offencetype offensecategory
    offensedescription offensecategoryname offensetypename maincategory primarycategory crime crimecode
    ucrliteral servicename servicerequesttype requesttype complainttype casetype casetitle servicetype
    crashtype collisiontype accidenttype mannerofcollision mannercollision firstcrashtype title kind
    classification class group label naturetype signal tipo tipoacide tipoacidente tipoocorrencia
    tipoincidente natureza naturezaocorrencia categoria tipodelito delito tipohecho causa clase
    clasedeaccidente claseaccidente kategorie unfalltyp uart unfallart einsatzart einsatzstichwort
    stichwort deliktsart delikt art categorie typeaccident nature_intervention motif infraction
    typeintervention servicecode description desc descricao descripcion beschreibung
""".split()

SEVERITY = """
    severity crashseverity severitycode accidentseverity collisionseverity incidentseverity injuryseverity
    severitylevel kabco maxseverity maximumseverity maxinjuryseverity highestinjuryseverity
    mostsevereinjury maxinjury crashseveritylevel crashinjuryseverity injurylevel worstinjury crashsev sev
    severitydesc severitydescription severityofcrash crashclassification accseverity priority
    prioritylevel callpriority gravidade severidade gravedad prioridad prioridade ukategorie
    unfallkategorie schwere unfallschwere verletzungsschwere gravite grav priorite legalstatuscrash
    crashseverityid triage acuity
""".split()

STREET = """
    street streetname addr address incidentaddress fulladdress streetaddress blockaddress block
    hundredblock address100block addressblock location locationdescription locationname locationtext
    onstreetname onstreet mainstreet primarystreet roadname road primaryroad primaryrd route routename
    roadwayname crossstreet incidentlocation eventaddress locationaddress calladdress dispatchlocation
    escene15 logradouro nomelogradouro rua endereco nomerua calle direccion domicilio via nombrecalle
    strasse strassenname adresse anschrift rue voie nomvoie nomrue libellevoie
""".split()

MODE = """
    mode travelmode crashmode modeoftravel roaduser roadusertype vrutype nonmotoristtype personmode modo
    modal mododetransporte verkehrsmittel verkehrsbeteiligung modedeplacement
""".split()

WEIGHT = "weight epdo weightedcount peso gewicht poids incidentweight".split()

#: Fields of a feature that have a column of their own; `value` is the kind's number under its own name.
FEATURE_FIELDS = ("id", "name", "value")

#: The contract's name for a kind's `value`.
VALUE_NAME = {
    "population": "population",
    "sewersheds": "population",
    "sites": "capacity",
}

#: Fields that are kept among the attributes, under these names whatever the file calls them.
FEATURE_EXTRAS: dict[str, dict[str, list[str]]] = {
    "sites": {"type": "type sitetype facilitytype category kind tipo typ amenity".split()},
}

CELL = "cell h3 h3index h3cell h3id hexid idhex hex h3res8id h3res9id h309 h308 gridid".split()

FEATURE_ID = """
    id geoid geoid20 geoid10 code areacode wardcode gsscode fips districtcode tract blockgroup siteid
    facilityid segmentid roadid edgeid linkid osmid streetid centerlineid objectid fid gid ogcfid globalid
    uid uuid h3 cell idhex hexid areanumber areanumbe commarea
""".split()

FEATURE_NAME = """
    name fullname namelsad title label areaname wardname districtname neighborhood neighbourhood community
    municipality placename place sitename facilityname streetname street stname roadname road fullstreet
    city citytown town village county district precinct ward mun munname nome nombre nom bezeichnung
    strasse rua calle rue logradouro siteid shedname sewershed sewershedname branch station
""".split()

#: Names of a kind's own that come before those.
KIND_NAME = {
    "sewersheds": """
        name sewershed sewershedname shedname sewershedid wwtp wwtpname plant plantname treatmentplant
        treatmentplantname facility facilityname catchmentname catchment samplelocation displayname
    """.split(),
    "coverage": """
        name areaname geographicareaname geographyname namelsad countyname tractname placename projarea
        projectarea projectname exchangename exchange po poname streetname streetnam
    """.split(),
}

#: Which number a kind's `value` is.
FEATURE_VALUE = {
    "population": """
        population pop totalpopulation totalpop poptotal pop2020 pop2010 pop10 pop20 popest
        populationserved residents inhabitants poptot totpop p001001 p0010001 b01003001 b01003001e
        einwohner populacao poblacion habitants bevolkerung bevoelkerung popcount people persons
    """.split(),
    "sewersheds": "population populationserved popserved pop residents".split(),
    "sites": "capacity beds seats kapazitaet capacidad capacidade capacite".split(),
    "boundary": [],
}

#: Canonical fields of a road that come from columns; `bridge`, `tunnel`, `roundabout` and `ref` serve others.
ROAD_FIELDS = ("id", "name", "class", "oneway", "level", "aadt", "bridge", "tunnel", "roundabout", "ref")

ROAD_ID = """
    id segmentid segid roadsegmentid roadid edgeid linkid osmid streetsegid streetid centerlineid clid
    linearid tlid objectid fid gid ogcfid globalid uid uuid sectionid sampleid tmcid idtrc idtroncon
    identifier localid
""".split()

#: The class, best first; which of several is taken is settled by their values.
ROAD_CLASS = """
    class highway mtfcc roadclass roadclassification functionalclass functionalclassification
    functionclass fclass funcclass functclass funccl fsystem fsys functionalsystem functionalsys funcsys
    fedfuncclass fedfunctionalclass fhwafunctionalclass fhwaclass classification roadclas stclass
    streetclass streetcl strclass rdclass roadtype rdtype routeclass roadfunction roadcategory roadcat
    roadlevel hierarchy streethierarchy clsrte classe classeroute classevoie categorievoie fonction nature
    typevoie klasse strassenklasse strassenart hierarquia classeviaria clasviaria tipovia clasevia
    jerarquia clase categoria categorie category type kind fcc cfcc formofway fow artdescript
    arterialclass arterialclassification artclass arterial majorroad rttyp routetype
""".split()

#: Where no whole name fits: words of a column of classes (of which most labels must be known) and of names.
ROAD_CLASS_WORDS = (
    "class type func functional category hierarchy classif klasse classe clase typ tipo".split(),
    "id date surface pavement lane lanes owner ownership jurisdiction speed bike side walk parking".split(),
)
ROAD_NAME_WORDS = (
    "name nm nome nombre nom street road rua calle rue strasse".split(),
    """
    id type typ class from to cross district city county town state left right l r side owner date code length
    number no num direction dir level surface zip user editor editedby source file layer status
    """.split(),
)

#: Names under which numbers 1 to 7 are functional systems, and those under which even few of them are.
ROAD_FUNCTIONAL_CLASS = """
    functionalclass functionalclassification functionclass fclass funcclass functclass funccl funcsys
""".split()
ROAD_FUNCTIONAL_SYSTEM = """
    fsystem fsys functionalsystem functionalsys fedfuncclass fedfunctionalclass fhwafunctionalclass
    fhwaclass
""".split()

ROAD_ONEWAY = """
    oneway onewaystreet onewy oneway1 onewaydir onewayfl isoneway onewaytype onewaycode dirtravel
    traveldirection traveldir directionoftravel trafficdirection trafficdir flowdirection flowdir
    directionality dir direction sens senscir senscirculation sensdecirculation sensunique einbahn
    einbahnstrasse sentido sentidounico maounica maodedirecao streetdirection oneortwoway
    trafdir facilitytype facilityty
""".split()

ROAD_LEVEL = "level zlevel layer elevationlevel zlev zlvl gradelevel gradeseparation ebene nivel".split()
ROAD_LEVEL_FROM = (
    "fzlev fromzlev fromelev felev zlevfrom fzlevel fromzlevel fromlevel refinzlev zstart".split()
)
ROAD_LEVEL_TO = "tzlev tozlev toelev telev zlevto tzlevel tozlevel tolevel nrefinzlev zend".split()
ROAD_BRIDGE = "bridge isbridge onbridge bridgefl brcke pont puente ponte".split()
ROAD_TUNNEL = "tunnel istunnel intunnel tunnelfl tunel".split()
ROAD_ROUNDABOUT = "junction roundabout isroundabout rotary trafficcircle formofway fow".split()

#: Vehicles a day; a year behind one of these names is understood, the latest one first.
ROAD_AADT = """
    aadt currentaadt aadtcurrent latestaadt aadtvn aadttotal totalaadt aadtboth allaadt adt trafficvolume
    trafficvol annualaveragedailytraffic averagedailytraffic avgdailytraffic dailytraffic dailyvolume
    aawdt awdt volume vol trafficcount trafcount vmd vdma tmd tmda tmja tmjm imd dtv dtvw
""".split()

#: Names as they stand on the sign, and names that may lack what goes before and after them.
ROAD_WHOLE_NAME = """
    fullname fullstreet fullstreetname streetfullname fullstname stnamefull streetfull stfull fullrdname
    roadfullname roadnamefull fullroadname fullnm namefull completestreetname labelname streetlabel
    displayname cnnstreetname
""".split()

ROAD_NAME = """
    name street streetname streetnam stname strname stnam strnam roadname rdname road label namelsad
    onstreet primaryname primaryna name1 routename routenam rtname commonname logradouro nomelogradouro
    nmlogradouro nome nombre nombrecalle calle via rua nom nomvoie nomrue odonyme rue voie libelle
    strassenname strassenna strasse bezeichnung title roadnam roadwayname streetn1 cartoname
""".split()

ROAD_REF = "ref refs routeref roadnumber roadno strassennummer".split()

#: The parts of a name, in the order of the sign; the bare name stands between those before and after it.
ROAD_NAME_PARTS = {
    "pre_direction": """
        predir predirection prefixdirection prefixdir stpredir streetpredir preddir predirabrv predirectional
        dirprefix prefixdi dirpre prefix stprefix fedirp streetpre
    """.split(),
    "pre_type": "pretype prefixtype stpretype pretypabrv streetpretype fetypep prefixtyp".split(),
    "type": """
        suftype suffixtype streettype streettyp sttype posttype stpostype streetposttype suftypabrv
        streetsuffix streetsuf stsuffix strtype rdtype roadtype typesuffix suftyp sttyp typ type suffix
        fetypes streetsuffixtype
    """.split(),
    "post_direction": """
        sufdir sufdirection suffixdirection suffixdir stsufdir postdir stposdir stpostdir postdirection
        sufdirabrv dirsuffix postdirectional suffixdi dirsuf fedirs
    """.split(),
}
ROAD_NAME_BEFORE = ("pre_direction", "pre_type")
ROAD_NAME_AFTER = ("type", "post_direction")

#: What stands for the type of a street: a column of such words tells no class.
STREET_TYPES = frozenset(
    """
    st street ave av avenue rd road dr drive ln lane ct court pl place blvd boulevard way cir circle ter terr
    terrace pkwy parkway hwy highway sq square trl trail loop aly alley plz plaza row walk path pike run cv
    cove pt point xing rue chemin ch boul rua calle avenida praca travessa largo
    """.split()
)

#: Canonical fields of a sample that come from columns.
SAMPLE_FIELDS = (
    "id", "sewershed", "start", "end", "analyte", "value", "unit", "below_limit", "limit", "flow",
    "flow_unit", "population", "replicate", "quality",
)  # fmt: skip

#: Where and what, best first. The surveillance systems' names drift between releases: all of them stand here.
SAMPLE_SEWERSHED = """
    sewershed sewershedid sewershedname sewershedcode shedid shedname wwtpid wwtpname wwtp wwtpcode wrrf
    siteid site sitename sitecode catchment catchmentid catchmentname plant plantname plantid
    treatmentplant treatmentplantname facility facilityname facilityid collectionarea collectionareaname
    area areaname areaid zone zonename keyplotid polygonid samplesite samplingsite samplesiteid
    samplinglocation samplinglocationname monitoringlocation monitoringlocationname
    monitoringlocationidentifier samplelocation samplelocationname locationid locationname location
    station stationid stationname klaeranlage klaranlage standort estacao estacion ptar eta ete
""".split()

SAMPLE_ANALYTE = """
    analyte analytename analyteid pcrtarget target targetname measure parameter parametername parametercode
    compound substance chemical chemicalname drug drugname biomarker marker markername pathogen
    pathogentarget virus organism variant lineage characteristicname characteristic determinand gene
    genetarget pcrgenetarget pcrgenetargetagg assay assayname measurename substanz parametro analito
""".split()

SAMPLE_START = """
    start samplecollectdate samplecollectdatetime samplecollectiondate samplecollectiondatetime
    samplecollectstart samplestart samplestartdate samplestartdatetime starttime startdate startdatetime
    datestart collectionstart collectionstartdate colldtstart colldt colldatetime collectiondate
    collectiondatetime collectiontime collectdate datecollected datetimecollected collected collectedon
    collectedat sampledate sampledatetime sampletime sampledon datesampled samplingdate samplingdatetime
    datesampling datetime timestamp time activitystartdate adatestart adatestartdate compositestart date
    sampled analysisdate probenahme probenahmedatum datum fecha fechamuestreo datacoleta datadacoleta data
    weekenddate weekending weekstart weekstartdate weekdate week resultdate reportdate month
""".split()

SAMPLE_END = """
    end sampleend sampleenddate sampleenddatetime samplecollectend endtime enddate enddatetime dateend
    collectionend collectionenddate colldtend activityenddate adateend compositeend
""".split()

SAMPLE_CLOCK = """
    samplecollecttime samplecollectiontime sampletime collectiontime collecttime timecollected starttime
    samplestarttime activitystarttime activitystarttimetime samplingtime timeofday time hour uhrzeit hora
""".split()

SAMPLE_VALUE = """
    value measurevalue measuredvalue resultvalue resultmeasurevalue resultmeasure numericresult
    resultnumeric concentration conc pcrtargetavgconc pcrtargetavgconclin pcrconcavg pcrconclin avgconc
    avgconcentration meanconc meanconcentration concentrationavg concentrationmean reportedvalue
    reportedresult finalresult finalvalue labresult measurement reading amount viralload virusload load
    massload level result wert messwert konzentration valor concentracao concentracion
""".split()

SAMPLE_UNIT = """
    unit units pcrtargetunits pcrunits measureunit measureunits unitofmeasure unitsofmeasure
    measurementunit concentrationunit concentrationunits concunit concunits valueunit valueunits
    resultunit resultunits resultmeasuremeasureunitcode resultmeasureunit unitname uom einheit unidade
    unidad
""".split()

#: Columns that say that a value lies below a limit, or that it was detected: which, their words tell.
SAMPLE_BELOW = """
    belowlimit isbelowlimit belowlod belowloq belowdetection belowdetectionlimit
    pcrtargetbelowlod nondetect nondetects isnondetect nondetected notdetected isnotdetected censored
    iscensored leftcensored bdl nd pcrtargetdetect detect detected isdetected detection detectionstatus
    detectedyn detectflag detectionflag resultdetectionconditiontext detectioncondition resulttext
    resultinterpretation interpretation resultcategory presence qualifier resultqualifier
    resultqualifiercode valuequalifier measurequalifier labqualifier remark remarkcode lessthan lt sign
    operator resultsign prefix result
""".split()

SAMPLE_LIMIT = """
    limit lodsewage lod limitofdetection detectionlimit methoddetectionlimit mdl llod lodvalue
    detectionlimitvalue detectionquantitationlimitmeasuremeasurevalue loq lloq limitofquantification
    limitofquantitation quantificationlimit quantitationlimit reportinglimit reportinglevel mrl rl pql
    nachweisgrenze
""".split()

SAMPLE_FLOW = """
    flow flowrate dailyflow averageflow avgflow avgdailyflow averagedailyflow meanflow totalflow flowvolume
    influentflow plantflow flowmeasure dischargeflow discharge durchfluss abfluss vazao caudal
""".split()

SAMPLE_FLOW_UNIT = "flowunit flowunits flowrateunit flowrateunits unitflow unitsflow unitofflow".split()

SAMPLE_POPULATION = """
    population populationserved popserved pop populationcovered populationsize residents inhabitants
    sewershedpopulation servedpopulation poptotal totalpopulation persons people contributingpopulation
    einwohner populacao poblacion
""".split()

SAMPLE_REPLICATE = """
    replicate replicatenumber replicateno replicatenum replicateid rep repno repnumber techrep
    technicalreplicate biologicalreplicate bioreplicate pcrreplicate samplereplicate duplicate aliquot
    index
""".split()

SAMPLE_QUALITY = """
    quality qualityflag qualityflags dataquality qc qcflag qcstatus qaqc qaqcflag flag flags resultquality
    validity valid validation resultstatus resultstatusidentifier
""".split()

#: Ids of one measurement, best first …
SAMPLE_ID = """
    id recordid recordnumber measurerepid measureid measurementid resultid resultidentifier labresultid
    resultkey uniqueid uniquekey uid uuid guid globalid rowid objectid fid ogcfid
""".split()

#: … and ids of what was drawn, from which several analytes may be measured.
SAMPLE_SPECIMEN_ID = """
    sampleid sampleno samplenumber samplecode sampleidentifier samplename specimenid labid labsampleid
    activityidentifier probe probennummer
""".split()

#: Fields of a coverage table that hold numbers: counts first, then shares.
COVERAGE_COUNTS = ("locations", "served", "underserved", "unserved")
COVERAGE_SHARES = ("share_served", "share_unserved")

#: Names of counts, best first. The census writes its variables as B28002_013E or as the path of their labels.
COVERAGE_NUMBERS = {
    "locations": """
        locations servicelocations totallocations nlocations numlocations numberoflocations locationcount
        totalservicelocations broadbandserviceablelocations bsl bsls totalbsl totalbsls totalsubscribers
        b28002001e b28002001 s2801c01001e s2801c01001 estimatetotal estimatetotaltotalhouseholds
        estimatetotalhouseholds totalhouseholds households nhouseholds hh totalhh totalunits units unitcount
        housingunits totalhousingunits hu b25001001e b25001001 h1001n h0010001 homes totalhomes premises
        totalpremises addresses totaladdresses dwellings totaldwellings total
    """.split(),
    "served": """
        served servedlocations locationsserved nserved numserved numberserved totalserved servedunits
        servedhouseholds servedbsl servedbsls withbroadband householdswithbroadband broadbandhouseholds
        b28002004e b28002004 s2801c01014e s2801c01014
        estimatetotalwithaninternetsubscriptionbroadbandofanytype
        estimatetotaltotalhouseholdstypesofinternetsubscriptionswithaninternetsubscriptionofanytypebroadbandofanytype
    """.split(),
    "underserved": """
        underserved underservedlocations locationsunderserved nunderserved numunderserved numberunderserved
        totalunderserved underservedunits underservedhouseholds underservedbsl underservedbsls
    """.split(),
    "unserved": """
        unserved unservedlocations locationsunserved nunserved numunserved numberunserved totalunserved
        unservedunits unservedhouseholds unservedbsl unservedbsls b28002013e b28002013 s2801c01019e
        s2801c01019 estimatetotalnointernetaccess
        estimatetotaltotalhouseholdstypesofinternetsubscriptionswithoutaninternetsubscription
        nointernet nointernetaccess withoutinternet withoutinternetaccess householdswithoutinternet
        nobroadband withoutbroadband householdswithoutbroadband unservedormaybeunserved maybeunserved
    """.split(),
    "margin": """
        margin moe marginoferror unservedmoe moeunserved unservedmargin b28002013m s2801c01019m
        marginoferrortotalnointernetaccess
        marginoferrortotaltotalhouseholdstypesofinternetsubscriptionswithoutaninternetsubscription
        errorrange95 errorrange90 errorrange errorrangemae
    """.split(),
    "share_served": """
        shareserved broadbandusage usage broadbandadoption adoption adoptionrate broadband broadbandaccess
        withbroadband broadbandsubscription subscribed takerate broadbandavailabilityperfcc
        broadbandavailability availability coverage
    """.split(),
    "share_unserved": "shareunserved nointernet nointernetaccess nobroadband withoutbroadband".split(),
}

#: A share says so in its name: by a sign or a word, which is no part of what it is a share of.
SHARE_SIGNS = ("%",)
SHARE_WORDS = "pct percent percentage perc pc share proportion prop fraction ratio rate".split()

#: Words of what is counted, around the one that says how it is served: `bsl_unserved`, `num_served_units`.
COVERAGE_UNITS = """
    bsl bsls location locations unit units household households hh home homes address addresses premise
    premises dwelling dwellings housing
""".split()
COVERAGE_COUNTING = "count counts number num n of total tot all".split()

COVERAGE_SOURCE = "source datasource sourcename ruleset sourcetable".split()

#: Ids of the tools with which broadband offices draw, before those of any feature.
COVERAGE_ID = ["vetroid", *FEATURE_ID]

#: Columns of census and postal codes by their level, finest first; the width of a whole code in digits.
CODE_WIDTH = {"block": 15, "block group": 12, "tract": 11, "zip": 5, "county": 5}
CODE_NAMES = {
    "any": """
        geoid geoid20 geoid10 geoidfq geoidfull geoid2 affgeoid geographyid fullgeoid censusid id2 code
        areacode
    """.split(),
    "block": "blockgeoid blockfips censusblock censusblockid blockid blockcode block geoidblock".split(),
    "block group": """
        blockgroup blockgroupid blockgroupgeoid blockgroupfips bg bgid bggeoid bgfips blkgrp blkgrpid cbg
        censusblockgroup censusblockgroupid geoidblockgroup
    """.split(),
    "tract": """
        tract tractid tractgeoid tractfips tractcode censustract censustractid tractce geoidtract
        censustractfips
    """.split(),
    "zip": """
        zip zipcode zip5 zipcodes postalcode postcode zcta zcta5 zcta5ce zcta5ce10 zcta5ce20 zctacode zctaid
        zctageoid
    """.split(),
    "county": """
        countyfips countyid countycode countygeoid fips fipscode countyfipscode fipscounty fipscountycode
        cofips stcofips stcountyfips stcnty geoidcounty countyno county
    """.split(),
}

#: Parts of a code in columns of their own, with their widths, from the state down.
CODE_PARTS = {
    "state": (2, "statefp statefips statecode stfips stcode statefp20 statefp10 state".split()),
    "county": (3, "countyfp countyfips countycode cofips countyfp20 countyfp10 county".split()),
    "tract": (6, "tractce tractcode tractce20 tractce10 tract".split()),
    "block group": (1, "blkgrpce blockgroup blkgrp bg blkgrpce20".split()),
}
